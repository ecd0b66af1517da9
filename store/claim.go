package store

import (
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// A commit must reach Redis within commitWithin of claiming. A claim is stale
// after claimLifetime: no commit can come under it any more. The time between
// the two is room for clocks of different nodes that disagree.
const (
	commitWithin  = 30 * time.Second
	claimLifetime = 60 * time.Second
)

// claim is the value of a locator, "<state> <µs> <identity> <account>".
type claim struct {
	confirmed bool
	at        int64  // microseconds since 1970, by Redis's clock as its holder knew it
	identity  string // of the commit that holds it
	account   string
}

func (c claim) String() string {
	state := "claimed"
	if c.confirmed {
		state = "confirmed"
	}
	return state + " " + strconv.FormatInt(c.at, 10) + " " + c.identity + " " + c.account
}

func parseClaim(value string) (claim, error) {
	part := strings.SplitN(value, " ", 4)
	if len(part) != 4 || (part[0] != "claimed" && part[0] != "confirmed") || part[2] == "" || part[3] == "" {
		return claim{}, corrupt("a locator")
	}
	at, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil {
		return claim{}, corrupt("the time of a locator")
	}
	return claim{part[0] == "confirmed", at, part[2], part[3]}, nil
}

// confirm is the claim once its holder has committed.
func (c claim) confirm() claim {
	c.confirmed = true
	return c
}

// stale reports whether no commit can come under the claim any more.
func (c claim) stale(now int64) bool { return now-c.at > claimLifetime.Microseconds() }

// claims are the locators that a commit holds, all under the same claim.
type claims struct {
	claim
	created  []hierarchy.Ref // to be confirmed
	released []hierarchy.Ref // to be released
}

// newClaims lists what c must claim.
func (s *Store) newClaims(c *authz.Commit) *claims {
	h := &claims{claim: claim{at: s.clock.now(), identity: c.Identity, account: c.Account}}
	for _, edit := range c.Edits {
		ref, ok := locatable(edit.Key)
		switch kind, _ := edit.Key.Split(); {
		case !ok:
		case len(edit.Before) == 0:
			h.created = append(h.created, ref)
		case len(edit.After) == 0 && (kind == authz.KindResource || kind == hierarchy.TypeKey):
			h.released = append(h.released, ref)
		}
	}
	return h
}

// deadline is the latest that the commit may be made, in microseconds, or ""
// if it holds no claim.
func (h *claims) deadline() string {
	if len(h.created)+len(h.released) == 0 {
		return ""
	}
	return strconv.FormatInt(h.at+commitWithin.Microseconds(), 10)
}

func pending(ref hierarchy.Ref) error {
	return hierarchy.Conflict("CLAIM_PENDING", "%s is just being created or deleted by another request; please try again in a minute", ref)
}
