package authz_test

import (
	"fmt"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
)

// strangers are requests about names that nobody knows, all of them distinct.
var strangers = []func(i int) authz.Request{
	func(i int) authz.Request { // a subject
		return authz.Request{Subject: fmt.Sprint("user:stranger-", i), Permission: "number.update", Resource: "subproject:shop"}
	},
	func(i int) authz.Request { // a permission
		return authz.Request{Subject: "user:ann", Permission: fmt.Sprint("number.act-", i), Resource: "subproject:shop", Account: "acme"}
	},
	func(i int) authz.Request { // a resource of an account that is known
		return authz.Request{Subject: "user:ann", Permission: "number.update", Resource: fmt.Sprint("number:unknown-", i), Account: "acme"}
	},
	func(i int) authz.Request { // a resource of no account
		return authz.Request{Subject: "user:ann", Permission: "number.update", Resource: fmt.Sprint("number:nowhere-", i)}
	},
	func(i int) authz.Request { // a node
		return authz.Request{Subject: "user:ann", Permission: "number.update", Resource: fmt.Sprint("subproject:unknown-", i), Account: "acme"}
	},
	func(i int) authz.Request { // an account
		return authz.Request{Subject: "user:ann", Permission: "number.update", Resource: "subproject:shop", Account: fmt.Sprint("stranger-", i)}
	},
	func(i int) authz.Request { // an account, as the resource
		return authz.Request{Subject: "user:ann", Permission: "number.update", Resource: fmt.Sprint("account:stranger-", i)}
	},
	func(i int) authz.Request { // a resource that is not registered
		return authz.Request{Subject: "user:ann", Permission: "message.update", Resource: fmt.Sprint("message:m-", i), Parent: "subproject:shop"}
	},
	func(i int) authz.Request { // its parent
		return authz.Request{Subject: "user:ann", Permission: "message.update", Resource: "message:m", Parent: fmt.Sprint("subproject:unknown-", i)}
	},
	func(i int) authz.Request { // a resource that is known, in an account that is not
		return authz.Request{Subject: "user:ann", Permission: "number.update", Resource: "number:1", Account: fmt.Sprint("another-", i)}
	},
}

// However many names are asked about that nobody knows, they take no memory:
// the heap after a million is that after a tenth of them. That it would show
// is seen by keeping the names.
func TestStrangersTakeNoMemory(t *testing.T) {
	few, many := 100_000, 1_000_000
	if testing.Short() {
		few, many = 10_000, 50_000
	}
	h := newHouse(t, authz.Options{ShadowShare: 0.01})
	var kept []string
	keep := false
	ask := func(from, to int) {
		for i := from; i < to; i++ {
			req := strangers[i%len(strangers)](i)
			if a := mustCheck(t, h.Engine, req); a.Allowed != (req.Parent == "subproject:shop") {
				t.Fatalf("%+v: %s", req, a.Code)
			}
			if i%16 == 0 {
				r := h.CheckBatch(t.Context(), []authz.Request{req, annUpdatesNumber})
				if r[0].Err != nil || !r[1].Answer.Allowed {
					t.Fatalf("%+v: %v, and %v", req, r[0].Err, r[1].Answer.Code)
				}
			}
			if keep {
				kept = append(kept, req.Subject+req.Resource)
			}
		}
	}
	ask(0, few)
	before, counted := heap(), count(h.Engine)
	ask(few, many)
	grown, now := heap()-before, count(h.Engine)
	t.Logf("after %d: %+v; after %d: %+v; the heap has grown by %d B", few, counted, many, now, grown)
	const noise = 128 << 10 // of what is not remembered, but pooled
	if grown > noise {
		t.Errorf("the heap grew by %d B with %d unknown names", grown, many-few)
	}
	if now != counted {
		t.Errorf("%+v was remembered, and now %+v", counted, now)
	}
	keep = true
	ask(many, many+few)
	if grown := heap() - before; grown < 2*noise {
		t.Errorf("keeping %d names made the heap grow by %d B: this tells nothing", len(kept), grown)
	}
}

// counts are how many things an engine remembers.
type counts struct{ residents, rows, arriving, places, hints int }

func count(e *authz.Engine) counts {
	c := e.Counters()
	n := counts{residents: c.Residents, places: c.Places, hints: e.Hints()}
	n.rows, n.arriving = e.ResidentRows()
	return n
}
