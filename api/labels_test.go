package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// labelledLists are the lists that can be narrowed, and where their items are
// made.
func labelledLists(w *world) map[string]struct{ list, create, body string } {
	account, project, sub := "/v1/accounts/"+w.Account.ID, "/v1/projects/"+w.Project.ID, "/v1/subprojects/"+w.subproject
	return map[string]struct{ list, create, body string }{
		"billing accounts": {account + "/billing-accounts", account + "/billing-accounts", `{"mode":"prepaid","currency":"SEK","display_name":"N","labels":LABELS}`},
		"projects":         {account + "/projects", account + "/projects", `{"display_name":"N","labels":LABELS}`},
		"subprojects":      {project + "/subprojects", project + "/subprojects", `{"display_name":"N","labels":LABELS}`},
		"resources":        {project + "/resources", "/v1/resources", `{"type":"number","id":"N","parent":"project:` + w.Project.ID + `","labels":LABELS}`},
		"of a subproject":  {sub + "/resources", "/v1/resources", `{"type":"number","id":"sN","parent":"subproject:` + w.subproject + `","labels":LABELS}`},
	}
}

// A list is narrowed to what carries all labels, whatever the size of a page.
func TestListsAreNarrowedByLabels(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	sets := []string{`{"set":"0"}`, `{"set":"1","tier":"gold"}`, `{"set":"2","tier":"gold","env":"live"}`, `{"set":"3","tier":"","env":"live"}`, `{"set":"4","tier":"a=b"}`, `{"set":"5","tier":"gold"}`}
	for name, l := range labelledLists(&w) {
		for i, labels := range sets {
			f.do(post, l.create, strings.NewReplacer("N", fmt.Sprint(i), "LABELS", labels).Replace(l.body)).want(201)
		}
		for query, want := range map[string][]string{
			"label=set": {"0", "1", "2", "3", "4", "5"}, "label=set&label=tier": {"1", "2", "3", "4", "5"}, "label=set&label=tier=gold": {"1", "2", "5"},
			"label=set&label=tier=gold&label=env=live": {"2"}, "label=set&label=tier=": {"3"}, "label=set&label=tier=a%3Db": {"4"}, "label=tier=gold&label=tier=": nil,
			"label=set&label=none": nil, "label=set=1": {"1"}, "label=set&label=tier&label=tier=gold": {"1", "2", "5"},
		} {
			for _, size := range []int{1, 2, 3, 100} {
				if got := f.sets(with(l.list, fmt.Sprintf("%s&page_size=%d", query, size))); !slices.Equal(got, want) {
					t.Errorf("%s with %s, in pages of %d: %v, want %v", name, query, size, got, want)
				}
			}
		}
		for _, bad := range []string{"", "=x", "a%20b", "a=%00", x(hierarchy.MaxLabelKey + 1), "a=" + x(hierarchy.MaxLabelValue+1), "%22a%22"} {
			f.do(get, with(l.list, "label="+bad), "").problem(400, "LABEL_INVALID", "label")
		}
		f.do(get, with(l.list, strings.Repeat("label=a&", hierarchy.MaxLabels)), "").want(200)
		f.do(get, with(l.list, strings.Repeat("label=a&", hierarchy.MaxLabels+1)), "").problem(400, "TOO_MANY_LABELS", "label")
		first := decode[page[json.RawMessage]](f.do(get, with(l.list, "label=set&page_size=1"), "").want(200)).NextPageToken
		for _, other := range []string{"label=tier", "label=set=1", ""} {
			f.do(get, with(l.list, other+"&page_token="+first), "").problem(400, "PAGE_TOKEN_INVALID", "page_token")
		}
	}
	f.do(get, "/v1/accounts/"+w.Account.ID+"/groups?label=a", "").problem(400, "QUERY_UNKNOWN", "label")
}

// sets pages through a list, and returns which label "set" its items carry.
func (f *fixture) sets(path string) (sets []string) {
	f.t.Helper()
	for token, pages := "", 0; pages == 0 || token != ""; pages++ {
		p := decode[page[struct {
			Labels Labels `json:"labels"`
		}]](f.do(get, with(path, "page_token="+token), "").want(200))
		for _, item := range p.Items {
			sets = append(sets, item.Labels["set"])
		}
		token = p.NextPageToken
	}
	slices.Sort(sets)
	return sets
}

// A page looks at so many items and then ends early; nothing is cut off.
func TestNarrowedPagesEndEarly(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	b := admin.Bundle{Account: admin.BundleAccount{ID: w.Account.ID}}
	parent := hierarchy.Ref{Type: hierarchy.TypeProject, ID: w.Project.ID}
	for i := range admin.MaxScanned + 1 {
		labels := map[string]string{}
		if i >= admin.MaxScanned-1 {
			labels["set"] = fmt.Sprint(i - admin.MaxScanned + 1)
		}
		b.Subprojects = append(b.Subprojects, admin.BundleSubproject{ID: fmt.Sprintf("s%05d", i), Project: w.Project.ID, Info: hierarchy.Info{Labels: labels}})
		b.Resources = append(b.Resources, admin.BundleResource{Type: "number", ID: fmt.Sprintf("n%05d", i), Parent: parent, Labels: labels})
	}
	body, err := json.Marshal(b)
	must(t, err)
	f.do(post, "/v1/import", string(body)).want(200)
	for _, list := range []string{"/subprojects", "/resources"} {
		path := "/v1/projects/" + w.Project.ID + list
		one := decode[page[json.RawMessage]](f.do(get, path+"?label=set", "").want(200))
		if len(one.Items) != 1 || one.NextPageToken == "" {
			t.Errorf("%s: the first page has %d items, and the token %q", list, len(one.Items), one.NextPageToken)
		}
		if all := f.sets(path + "?label=set"); !slices.Equal(all, []string{"0", "1"}) {
			t.Errorf("%s: %v", list, all)
		}
		none := decode[page[json.RawMessage]](f.do(get, path+"?label=set=1", "").want(200))
		if len(none.Items) != 0 || none.NextPageToken == "" {
			t.Errorf("%s: the first page has %d items, and the token %q", list, len(none.Items), none.NextPageToken)
		}
		if all := f.sets(path + "?label=set=1"); !slices.Equal(all, []string{"1"}) {
			t.Errorf("%s: %v", list, all)
		}
	}
}

// What an actor may not read is not found by its labels, and its ID is in no
// page token.
func TestLabelsShowNothingHidden(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	// A provisioner may list resources, and read none that is a number.
	f.do(post, "/v1/bindings", `{"subject":"user:pat","role":"provisioner","scope":"subproject:`+w.subproject+`"}`).want(201)
	passed := 0
	for name, l := range labelledLists(&w) {
		for _, n := range []string{"a-secret", "z-secret"} {
			f.do(post, l.create, strings.NewReplacer("N", n, "LABELS", `{"set":"1"}`).Replace(l.body)).want(201)
		}
		for _, query := range []string{"label=set&page_size=1", "label=set=1", "page_size=1"} {
			for token, pages := "", 0; pages == 0 || token != ""; pages++ {
				a := f.do(get, with(l.list, query+"&page_token="+token), "", "Tollgate-Actor", "user:pat")
				if a.status == 404 {
					break
				}
				p := decode[page[json.RawMessage]](a.want(200))
				token = p.NextPageToken
				place, _ := base64.RawURLEncoding.DecodeString(token)
				if strings.Contains(a.text+string(place), "secret") || (strings.Contains(query, "label") && len(p.Items) > 0) {
					t.Errorf("%s with %s shows %s, and in the token %q", name, query, a.text, place)
				}
				if len(p.Items) == 0 && token != "" {
					passed++
				}
			}
		}
	}
	if passed < 2 {
		t.Error("nothing hidden was passed over at the end of a page, so that this shows nothing")
	}
}

// The seal of page tokens: what was not made for a list, or was altered, is
// refused, and another server of the same key takes it.
func TestPageTokensAreSealed(t *testing.T) {
	seal := func(key string) func(mark, token string) (string, bool) {
		d := digestOf(key)
		s, err := newPageSeal(&d)
		must(t, err)
		return func(mark, token string) (string, bool) { return parsePageToken(s, mark, token) }
	}
	d := digestOf("key")
	mine, err := newPageSeal(&d)
	must(t, err)
	token := formPageToken(mine, "list", "number:+4670")
	if after, ok := seal("key")("list", token); !ok || after != "number:+4670" {
		t.Errorf("another server reads %q", after)
	}
	if _, ok := seal("another")("list", token); ok {
		t.Error("a server with another key takes it")
	}
	if _, ok := seal("key")("another list", token); ok {
		t.Error("another list takes it")
	}
	for i := range token {
		altered := []byte(token)
		altered[i]++
		if after, ok := seal("key")("list", string(altered)); ok {
			t.Errorf("altered at %d, it is %q", i, after)
		}
	}
	if again := formPageToken(mine, "list", "number:+4670"); again == token {
		t.Error("equal places have equal tokens, so that they can be guessed")
	}
}
