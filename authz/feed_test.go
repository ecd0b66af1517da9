package authz_test

import (
	"sync"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
)

// elsewhere commits as another replica does, and returns what the feed says.
func (h *house) elsewhere(edits ...authz.Edit) (account string, c authz.Change, basis uint64, whole bool) {
	head, c := h.source.Commit("acme", edits...)
	return "acme", c, head.Basis, true
}

// What is heard is seen at once, and without asking the store.
func TestWhatIsHeardIsSeenAtOnce(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.may(annUpdatesNumber, true)
	for _, step := range []struct {
		edit    authz.Edit
		allowed bool
	}{
		{move("subproject:shop", "subproject:lab"), false},
		{move("subproject:lab", "subproject:shop"), true},
		{bind(false), false},
		{bind(true), true},
	} {
		h.Heard(h.elsewhere(step.edit))
		if a := h.may(annUpdatesNumber, step.allowed); a.Revision() != mustHead(h).Revision {
			t.Errorf("answered from %+v, and it is %+v", a.Revision(), mustHead(h).Revision)
		}
	}
	if n := h.source.Sinces.Load(); n != 0 {
		t.Errorf("the store was asked %d times for what was heard", n)
	}
}

// A message that is lost, told twice, told late, told in part or told of a
// history that the store has lost makes the next check ask; it is never wrong.
func TestWhatIsHeardWrong(t *testing.T) {
	for name, hear := range map[string]func(h *house){
		"lost": func(h *house) {
			h.elsewhere(bind(false))
			h.Heard(h.elsewhere(move("subproject:shop", "subproject:lab")))
		},
		"in part": func(h *house) {
			account, c, basis, _ := h.elsewhere(bind(false))
			c.Edits = nil
			h.Heard(account, c, basis, false)
		},
		"of another history": func(h *house) {
			account, c, basis, whole := h.elsewhere(bind(false))
			c.Previous = "0000000000000000"
			h.Heard(account, c, basis, whole)
		},
		"twice, and late": func(h *house) {
			account, c, basis, whole := h.elsewhere(bind(true))
			h.Heard(account, c, basis, whole)
			h.Heard(h.elsewhere(bind(false)))
			h.Heard(account, c, basis, whole)
			h.Heard(account, c, basis, whole)
		},
		"after a loss": func(h *house) {
			account, c, basis, whole := h.elsewhere(bind(true))
			h.Heard(account, c, basis, whole)
			h.source.Lose("acme", 1)
			h.Heard(h.elsewhere(bind(false))) // of the same number
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, authz.Options{})
			h.may(annUpdatesShop, true)
			hear(h)
			h.may(annUpdatesShop, false)
		})
	}
}

// Nobody waits for the store to hear, and what is heard meanwhile is not
// forgotten.
func TestHearingWhileTheStoreIsAsked(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.may(annUpdatesShop, true)
	h.clock.pass(time.Second + 1)
	asked, read, goOn := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once sync.Once
	h.source.After = func(method string) {
		once.Do(func() {
			close(read)
			<-goOn
		})
	}
	go func() {
		defer close(asked)
		h.may(annUpdatesShop, true) // as it was when the store was asked
	}()
	<-read
	h.Heard(h.elsewhere(bind(false)))
	close(goOn)
	<-asked
	h.may(annUpdatesShop, false)
}

// The feed tells of all accounts; what is not in memory takes none.
func TestHearingOfWhatIsNotInMemory(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.Heard(h.elsewhere(bind(false)))
	if n := h.Counters().Residents; n != 0 {
		t.Errorf("%d accounts are in memory", n)
	}
	h.may(annUpdatesShop, false)
}
