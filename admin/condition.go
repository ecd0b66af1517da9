package admin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Condition is what must hold of a thing, or a write that replaces it is not
// made.
type Condition struct {
	Any    bool     // it exists
	Tags   []string // it is as one of these tags says; see Item.Tag
	Absent bool     // it does not exist
}

// holds compares a thing that has a tag; "" for none that exists.
func (c *Condition) holds(tag string) bool {
	switch {
	case c.Absent:
		return tag == ""
	case c.Any:
		return tag != ""
	}
	return tag != "" && slices.Contains(c.Tags, tag)
}

// tagOf is the tag of a thing that is kept in records. It differs whenever
// anything in them does, when they were made and changed included.
func tagOf(records ...authz.Record) string {
	if len(records) == 0 {
		return ""
	}
	h := sha256.New()
	for _, r := range records {
		for _, part := range []string{string(r.Key), string(r.Body)} {
			_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
			h.Write([]byte(part))
		}
		_ = binary.Write(h, binary.BigEndian, []uint64{uint64(r.Created), uint64(r.Updated), r.Version})
	}
	const enough = 15
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:enough])
}

// replaces notes what the write replaces, as it was read for the decision:
// what is read first. That is what the caller's condition is of.
func (d *draft) replaces(records ...authz.Record) {
	if d.replaced == nil {
		d.replaced = append([]authz.Record{}, records...)
	}
}

// hold refuses a write whose condition does not hold. It comes last, so that
// nobody learns by a condition what he may not see. What it compares is what
// the commit is guarded by: nothing comes between the two.
func (d *draft) hold() error {
	c := d.who.If
	if c == nil {
		return nil
	}
	if d.replaced == nil {
		return errors.New("a write under a condition does not say what it replaces")
	}
	if len(d.replaced) > 0 {
		if kind, id := d.replaced[0].Key.Split(); kind == hierarchy.TypeProject {
			link, err := d.read(authz.KeyOf(authz.KindLink, id)) // a project is shown with its payer
			if err != nil {
				return err
			}
			for _, r := range link {
				d.replaced = append(d.replaced, r)
			}
		}
	}
	if c.holds(tagOf(d.replaced...)) {
		return nil
	}
	if c.Absent {
		return &hierarchy.Error{Kind: hierarchy.KindPrecondition, Reason: "PRECONDITION_FAILED", Field: "If-None-Match", Detail: "it exists already; nothing was changed"}
	}
	return &hierarchy.Error{Kind: hierarchy.KindPrecondition, Reason: "PRECONDITION_FAILED", Field: "If-Match", Detail: "it is not, or no longer, as the tag says; nothing was changed; read it again"}
}
