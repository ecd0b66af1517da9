package admin_test

import (
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/route"
)

func parseRoutes(t *testing.T, text string) *route.Map {
	t.Helper()
	m, err := route.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The route map is one resource of the platform, and every snapshot of the
// platform has it.
func TestRoutes(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		if err := h.EnsurePlatform(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := h.Routes(t.Context(), operator)
		want(t, "no map yet", "NOT_FOUND", err)
		_, err = h.RemoveRoutes(t.Context(), operator)
		want(t, "removing none", "NOT_FOUND", err)
		one := parseRoutes(t, `routes: [{route: "GET /v1/numbers/{number}", permission: number.read, resource: "number:{number}"}]`)
		two := parseRoutes(t, `routes: [{route: "PUT /v1/numbers/{number}", permission: number.update, resource: "number:{number}"}]`)
		for _, m := range []*route.Map{one, two, two} {
			item := must(h.SetRoutes(t.Context(), operator, m))(t)
			read := must(h.Routes(t.Context(), operator))(t)
			s := must(h.engine.Snapshot(t.Context(), hierarchy.PlatformID, item.Revision))(t)
			var seen route.Map
			if err := seen.UnmarshalJSON(s.Routes()); err != nil {
				t.Fatal(err)
			}
			if read.Doc.Digest() != m.Digest() || item.Doc.Digest() != m.Digest() || seen.Digest() != m.Digest() {
				t.Errorf("the map is %s, and was set to %s", read.Doc.Digest(), m.Digest())
			}
		}
		for _, who := range []hierarchy.Ref{ann, ben} {
			_, err = h.SetRoutes(t.Context(), as(who), one)
			want(t, "a customer's map", "NOT_FOUND", err)
			_, err = h.Routes(t.Context(), as(who))
			want(t, "a customer who looks", "NOT_FOUND", err)
		}
		must(h.RemoveRoutes(t.Context(), operator))(t)
		if s := must(h.engine.Refresh(t.Context(), hierarchy.PlatformID))(t); s.Routes() != nil {
			t.Errorf("after its removal the snapshot has %s", s.Routes())
		}
	})
}
