package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tollgate-dev/tollgate/policy"
)

// A page of roles is never longer than was asked for, and the pages together are
// all roles, each once: the predefined ones first.
func TestPagesOfRoles(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	path := "/v1/accounts/" + w.Account.ID + "/roles"
	var want []string
	for _, p := range policy.Predefined {
		want = append(want, p.ID)
	}
	for own := range 3 {
		for size := 1; size <= len(want)+2; size++ {
			var got []string
			for token := ""; ; {
				p := decode[RoleList](f.do(get, fmt.Sprintf("%s?page_size=%d&page_token=%s", path, size, token), "").want(200))
				if len(p.Items) > size || len(p.Items) == 0 {
					t.Fatalf("%d roles on a page of %d", len(p.Items), size)
				}
				for _, r := range p.Items {
					got = append(got, r.ID)
				}
				if token = p.NextPageToken; token == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d own, pages of %d: %v, want %v", own, size, got, want)
			}
		}
		id := fmt.Sprintf("a%d", own) // before every predefined one by its ID
		f.do(post, path, `{"id":"`+id+`","permissions":[]}`).want(201)
		want = append(want, id)
	}
}
