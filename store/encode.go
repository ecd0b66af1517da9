package store

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// call is what commit.lua is called with.
type call struct {
	keys  []string
	index map[string]int // of a key in keys, from 1
	args  []any
}

// Where the deadline stands in call.args: it is known only once the claims are
// made.
const deadlineArg = 4

// encode makes the call that commits c. Its error is one of the program, not
// of who asked.
func encode(c *authz.Commit, logLength int) (*call, error) {
	if err := checkCommit(c); err != nil {
		return nil, err
	}
	edits, err := encodeEdits(logged(c))
	if err != nil {
		return nil, fmt.Errorf("store: a commit's edits: %w", err)
	}
	e := &call{index: map[string]int{}}
	for _, key := range []string{
		headKey(c.Account), docsKey(c.Account), resourcesKey(c.Account), payersKey(c.Account), parentsKey(c.Account),
		logKey(c.Account), identitiesKey(c.Account), revokedKey(c.Account, c.Identity), madeKey(c.Account, c.Identity),
	} {
		e.key(key)
	}
	basis := ""
	if c.Guarded {
		basis = strconv.FormatUint(c.Basis, 10)
	}
	e.add(c.Identity, flag(c.New), basis, flag(c.Administrative()), "", logLength, flag(c.Forget), c.Actor, c.Caller, c.Action, edits, c.Account, feedChannel, mostTold,
		[]byte(c.Outcome), int64(madeLifetime.Seconds()))
	e.guards(c)
	if err := e.writes(c); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *call) add(args ...any) { e.args = append(e.args, args...) }

// key is the index of a key, which it declares.
func (e *call) key(key string) int {
	if e.index[key] == 0 {
		e.keys = append(e.keys, key)
		e.index[key] = len(e.keys)
	}
	return e.index[key]
}

func (e *call) guards(c *authz.Commit) {
	e.add(len(c.Present))
	for _, key := range c.Present {
		hash, field := place(c.Account, key)
		e.add(e.key(hash), field)
	}
	e.add(len(c.Versions))
	for key, version := range c.Versions {
		hash, field := place(c.Account, key)
		e.add(e.key(hash), field, strconv.FormatUint(version, 10))
	}
}

func (e *call) writes(c *authz.Commit) error {
	e.add(len(c.Edits))
	for _, edit := range c.Edits {
		hash, field := place(c.Account, edit.Key)
		e.add(e.key(hash), field, edit.Created, []byte(edit.After))
	}
	moves, err := membersOf(c)
	if err != nil {
		return err
	}
	e.add(len(moves))
	for _, m := range moves {
		e.add(e.key(containerKey(c.Account, m.container)), flag(m.add), m.resource)
	}
	e.add(len(c.Payers) + len(c.Parents))
	for _, t := range c.Payers {
		e.transition(payersKey(c.Account), t)
	}
	for _, t := range c.Parents {
		e.transition(parentsKey(c.Account), t)
	}
	return nil
}

func (e *call) transition(key string, t authz.Transition) {
	e.add(e.key(key), t.Node+"\x00", t.At, "\x00"+t.From+"\x00"+t.To)
}

// membership is a resource that comes into a container, or leaves it.
type membership struct {
	container, resource string
	add                 bool
}

// membersOf is what the edits of a commit change in the indexes of containers.
func membersOf(c *authz.Commit) (members []membership, err error) {
	for _, edit := range c.Edits {
		kind, id := edit.Key.Split()
		if kind != authz.KindResource {
			continue
		}
		before, err1 := parentOf(edit.Before)
		after, err2 := parentOf(edit.After)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("store: the parent of %q cannot be read", edit.Key)
		}
		if before == after {
			continue
		}
		if before != "" {
			members = append(members, membership{before, id, false})
		}
		if after != "" {
			members = append(members, membership{after, id, true})
		}
	}
	return members, nil
}

// parentOf is the container of a resource, "" if there is no resource.
func parentOf(body json.RawMessage) (string, error) {
	if len(body) == 0 {
		return "", nil
	}
	var r hierarchy.Resource
	err := json.Unmarshal(body, &r)
	return r.Parent.String(), err
}

// logged are a commit's edits as the log keeps them.
func logged(c *authz.Commit) []authz.Edit {
	if !c.Terse {
		return c.Edits
	}
	edits := slices.Clone(c.Edits)
	for i := range edits {
		if kind, _ := edits[i].Key.Split(); kind != hierarchy.TypeBinding {
			edits[i].Before = nil
		}
	}
	return edits
}

// encodeEdits leaves the text of records as it is, where json.Marshal would
// escape <, > and &.
func encodeEdits(edits []authz.Edit) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if edits == nil {
		edits = []authz.Edit{}
	}
	err := enc.Encode(edits)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// checkCommit refuses what only a bug can have made, before anything is
// claimed.
func checkCommit(c *authz.Commit) error {
	if raw, err := hex.DecodeString(c.Identity); err != nil || len(raw) != 8 {
		return fmt.Errorf("store: a commit's identity has 16 hexadecimal digits: %q", c.Identity)
	}
	if err := (hierarchy.Ref{Type: hierarchy.TypeAccount, ID: c.Account}).Check(); err != nil {
		return err
	}
	for _, edit := range c.Edits {
		if (len(edit.Before) == 0 && len(edit.After) == 0) || edit.Created < 0 || edit.Created > maxMicros {
			return fmt.Errorf("store: an edit of %q without a sense", edit.Key)
		}
	}
	for _, history := range [][]authz.Transition{c.Payers, c.Parents} {
		for _, t := range history {
			if err := checkTransition(t); err != nil {
				return err
			}
		}
	}
	return nil
}

func flag(set bool) string {
	if set {
		return "1"
	}
	return "0"
}
