package authz

import (
	"context"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/internal/cow"
)

// Ask answers a request on one snapshot, with nothing remembered: container
// is where the resource of the request stands, "" if it is not there.
func (s *Snapshot) Ask(req Request, container string, at int64) (Answer, error) {
	e := &Engine{model: s.model}
	req.Account = s.account
	q := question{Request: &req, who: &req.Subject}
	if !req.Key.IsZero() {
		req.Subject = req.Key.Subject()
	}
	if err := q.read(); err != nil {
		return Answer{}, err
	}
	q.at = at
	if !q.Key.IsZero() {
		if code := s.keyOf(*q.who).authenticate(&q); code != NoBinding {
			return Answer{Code: code}, nil
		}
	}
	a := Answer{Code: ResourceNotFound}
	if q.kind != none {
		a.Code = NoBinding
		e.findNode(nil, s, &q, &a)
	} else if row, ok := s.nodes.Find(container); ok {
		a.Code = NoBinding
		s.findResource(&q, row, &a)
	}
	return a, e.answer(s, &q, &a)
}

// WithNestingOf is s with a fault: its groups are nested as they were in old,
// as if nest had not been called.
func (s *Snapshot) WithNestingOf(old *Snapshot) *Snapshot {
	broken, edit := *s, new(cow.Edit)
	for row := range broken.subjects.Len() {
		p := broken.subjects.Edit(edit, row)
		p.tie(p.groups(), nil, p.key())
		if row < old.subjects.Len() {
			p.tie(p.groups(), old.subjects.At(row).outer(), p.key())
		}
	}
	return &broken
}

// WithoutSponsors is s with a fault: the sponsor of a key is the key itself, so
// that its own rights are all that it needs.
func (s *Snapshot) WithoutSponsors() *Snapshot {
	return s.withKeys(func(row uint32, k *apiKey) { k.sponsor, k.sponsored = row, true })
}

// WithoutReach is s with a fault: every key reaches the whole account.
func (s *Snapshot) WithoutReach() *Snapshot {
	return s.withKeys(func(_ uint32, k *apiKey) { k.parent = 0 })
}

// WithoutSecrets is s with a fault: every key has the secret of every other.
func (s *Snapshot) WithoutSecrets() *Snapshot {
	var all []apikey.Stored
	s.withKeys(func(_ uint32, k *apiKey) { all = append(all, k.secrets...) })
	for i := range all {
		all[i].ExpiresAt = 0
	}
	return s.withKeys(func(_ uint32, k *apiKey) { k.secrets = all })
}

func (s *Snapshot) withKeys(change func(row uint32, k *apiKey)) *Snapshot {
	broken, edit := *s, new(cow.Edit)
	for row := range broken.subjects.Len() {
		if k := broken.subjects.At(row).key(); k != nil {
			other := *k
			change(row, &other)
			p := broken.subjects.Edit(edit, row)
			p.tie(p.groups(), p.outer(), &other)
		}
	}
	return &broken
}

// BelieveHints is a fault: every hint passes for one of the snapshot that its
// account has now.
func (e *Engine) BelieveHints() {
	for i := range e.hints {
		for j := range e.hints[i] {
			if h := e.hints[i][j].Load(); h != nil {
				old := *h
				old.edition = h.home.current().edition
				e.hints[i][j].Store(&old)
			}
		}
	}
}

// Remembered is how many of its last revisions a snapshot knows.
const Remembered = remembered

// Rows is how many rows the tables of a snapshot have, dead ones too.
func (s *Snapshot) Rows() int {
	return int(s.nodes.Len() + s.subjects.Len() + s.windows.Len() + s.roles.Len())
}

// ResidentRows is how many rows the table of residents has, dead ones too, and
// how many accounts are on their way.
func (e *Engine) ResidentRows() (rows, arriving int) {
	e.residents.mu.Lock()
	defer e.residents.mu.Unlock()
	return int(e.residents.loaded.Load().Len()), len(e.residents.arriving)
}

// Hints is how many hints are left.
func (e *Engine) Hints() (n int) {
	for i := range e.hints {
		for k := range e.hints[i] {
			if e.hints[i][k].Load() != nil {
				n++
			}
		}
	}
	return n
}

// Worn is whether a snapshot is to be renewed.
func (s *Snapshot) Worn() bool { return s.worn() }

// CompareAsked is what the engine does every so often by itself.
func (e *Engine) CompareAsked(ctx context.Context) error { return e.compareAsked(ctx) }

// ForgetKeys drops what is remembered of where keys are.
func (e *Engine) ForgetKeys() {
	for i := range e.keyHints {
		e.keyHints[i].Store(nil)
	}
}
