package client

// Term is on what terms one call is made.
type Term func(*call)

// Once makes a call that creates something the same one each time it is made
// under this key, within 24 hours, and so safe to repeat: it creates one thing
// and answers that. The client then repeats it by itself when the server says
// that it cannot serve now.
func Once(key string) Term {
	return func(c *call) {
		c.set("Idempotency-Key", key)
		c.repeatable = true
	}
}

// IfMatch makes a call that replaces or deletes something do so only if that
// is still as it was when it was answered with this ETag; otherwise the error
// is 412, PRECONDITION_FAILED. "*": only if it exists.
func IfMatch(etag string) Term {
	return func(c *call) { c.set("If-Match", etag) }
}

func (c *call) set(header, value string) {
	if c.header == nil {
		c.header = map[string]string{}
	}
	c.header[header] = value
}

// on returns the call on terms.
func (c call) on(terms []Term) call {
	for _, term := range terms {
		term(&c)
	}
	return c
}
