package authz

// touch reads what a question is going to be decided on, all at once. An
// account that is one of many thousands is not in the processor's cache, and
// to find its rows one after another is to wait for each; asked for together
// they come together. What it reads may be of others than the question's; it
// decides nothing.
func (s *Snapshot) touch(q *question) {
	node, subject, permission := s.nodes.Near(q.Resource), s.subjects.Near(*q.who), s.permissions.Near(q.Permission)
	q.touched = s.nodes.Touch(node) ^ s.subjects.Touch(subject) ^ s.permissions.Touch(permission)
	if node < s.nodes.Len() {
		q.touched ^= byte(s.nodes.At(s.nodes.At(node).parent).kind)
	}
	if subject < s.subjects.Len() {
		if grants := s.subjects.At(subject).grants; len(grants) > 0 {
			q.touched ^= byte(grants[0].scope)
		}
	}
	if permission < s.permissions.Len() {
		if held := *s.permissions.At(permission); len(held) > 0 {
			q.touched ^= byte(held[0])
		}
	}
}
