package authz_test

import (
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
)

// Writes that the store lost and grew over, to the very same number, are not
// mistaken for those that it has.
func TestALostWriteIsNotMistakenForAnother(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.source.Commit("acme", bind(false))
	h.may(annUpdatesShop, false)
	head := mustHead(h)
	lost := authz.Token("acme", head.Revision)
	h.source.Lose("acme", 1)
	grown, _ := h.source.Commit("acme", move("subproject:shop", "subproject:lab"))
	if grown.Number != head.Number || grown.Identity == head.Identity {
		t.Fatalf("the history did not grow back: %+v after %+v", grown, head)
	}
	h.clock.pass(2 * time.Second)
	h.may(annUpdatesShop, true)
	h.may(annUpdatesNumber, false)
	req := annUpdatesShop
	req.AtLeast = lost
	h.refused(req, "REVISION_LOST")
	req.AtLeast = authz.Token("acme", grown.Revision)
	h.may(req, true)
}

// A write that comes after a loss is answered from its own history, though the
// snapshot of the lost one is inside the bound, and newer by its number:
// whether the snapshot remembers the number or not.
func TestAWriteAfterALossIsFound(t *testing.T) {
	for _, lost := range []int{3, 2 * authz.Remembered} {
		h := newHouse(t, authz.Options{})
		h.loses(lost)
		denied, _ := h.source.Commit("acme", bind(false))
		h.may(annUpdatesShop, true) // within the bound, as promised
		req := annUpdatesShop
		req.AtLeast = authz.Token("acme", denied.Revision)
		h.may(req, false)
	}
}

// loses has the engine follow writes that the store then loses.
func (h *house) loses(writes int) {
	h.t.Helper()
	h.may(annUpdatesShop, true)
	for range writes {
		h.source.Commit("acme", bind(true))
	}
	h.clock.pass(2 * time.Second)
	h.may(annUpdatesShop, true)
	h.source.Lose("acme", writes)
}

// What a replica itself writes after a loss has it look at once.
func TestOwnWriteAfterALoss(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.loses(3)
	head, c := h.source.Commit("acme", bind(false))
	h.Committed(&authz.Commit{Account: "acme", Identity: c.Identity, Edits: c.Edits}, head, c.Previous)
	h.may(annUpdatesShop, false)
}

// What a token asks for is what is answered, or an error.
func TestTokens(t *testing.T) {
	h := newHouse(t, authz.Options{})
	first := authz.Token("acme", mustHead(h).Revision)
	h.may(annUpdatesShop, true)
	newer, _ := h.source.Commit("acme", bind(false))
	token := authz.Token("acme", newer.Revision)

	req := annUpdatesShop
	req.AtLeast = token
	if a := h.may(req, false); a.Token() != token {
		t.Errorf("answered from %v, not from what was asked for", a.Revision())
	}
	req.AtLeast = first
	h.may(req, false)

	ahead := newer.Revision
	ahead.Number += 5
	req.AtLeast = authz.Token("acme", ahead)
	h.refused(req, "REVISION_LOST")
	other := newer.Revision
	other.Identity = "ffffffffffffffff"
	req.AtLeast = authz.Token("acme", other)
	h.refused(req, "REVISION_LOST")
	req.AtLeast = authz.Token("globex", newer.Revision)
	h.refused(req, "REVISION_OF_ANOTHER_ACCOUNT")
	req.AtLeast = "nonsense"
	h.refused(req, "REVISION_INVALID")

	for range authz.Remembered {
		h.source.Commit("acme", bind(true))
		h.source.Commit("acme", bind(false))
	}
	h.clock.pass(2 * time.Second)
	req.AtLeast = first // no longer remembered, and still in the log
	h.may(req, false)
	lostLongAgo := authz.Revision{Number: 1, Identity: "ffffffffffffffff"}
	req.AtLeast = authz.Token("acme", lostLongAgo)
	h.refused(req, "REVISION_LOST")
	h.source.Trim("acme")
	req.AtLeast = first
	h.refused(req, "REVISION_TOO_OLD")
}

// A token of an account that the store has lost altogether stands for a write
// that was lost.
func TestATokenOfALostAccount(t *testing.T) {
	h := newHouse(t, authz.Options{})
	req := annUpdatesShop
	req.AtLeast = authz.Token("acme", mustHead(h).Revision)
	h.may(req, true)
	h.source.Remove("acme")
	h.clock.pass(2 * time.Second)
	h.refused(req, "REVISION_LOST")
	req.AtLeast = ""
	if a := h.may(req, false); a.Code != authz.ResourceNotFound {
		t.Errorf("without a token: %s", a.Code)
	}
}
