package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// churned is a list whose items come and go while it is paged through.
type churned struct {
	path   string
	id     string                         // the member that names an item; "" for items that are names themselves
	create func(f *fixture, n int) string // makes an item and says its name
	remove func(f *fixture, name string)  // nil if items stay for ever
}

// name is how a list names an item.
func (l *churned) name(t testing.TB, item json.RawMessage) string {
	t.Helper()
	if l.id == "" {
		return string(item)
	}
	var members map[string]json.RawMessage
	must(t, json.Unmarshal(item, &members))
	return string(members[l.id])
}

func quoted(s string) string { return strconv.Quote(s) }

// shuffled spreads the numbers 0 to 999, so that what is made later does not
// come later in the list.
func shuffled(n int) string { return fmt.Sprintf("i%03d", n*617%1000) }

// churn are all lists of what comes and goes in an account.
func churn(f *fixture, w *world) map[string]churned {
	account, project := "/v1/accounts/"+w.Account.ID, "/v1/projects/"+w.Project.ID
	made := func(path, body string) func(*fixture, int) string {
		return func(f *fixture, n int) string {
			var out struct {
				ID string `json:"id"`
			}
			f.do(post, path, strings.ReplaceAll(body, "NAME", shuffled(n))).want(201).into(&out)
			return quoted(out.ID)
		}
	}
	gone := func(path string) func(*fixture, string) {
		return func(f *fixture, name string) { f.do(remove, path+"/"+url.PathEscape(unquoted(name)), "").want(200) }
	}
	members, parents, elsewhere := account+"/groups/crowd/members", "/v1/subprojects/"+w.subproject+"/parents", f.project(*w)
	f.do(post, account+"/groups", `{"id":"crowd"}`).want(201)
	return map[string]churned{
		"keys":             {"/v1/platform/keys", "id", made("/v1/platform/keys", `{"service":"service:NAME"}`), gone("/v1/keys")},
		"billing accounts": {account + "/billing-accounts", "id", made(account+"/billing-accounts", `{"mode":"prepaid","currency":"SEK"}`), gone("/v1/billing-accounts")},
		"projects":         {account + "/projects", "id", made(account+"/projects", `{}`), gone("/v1/projects")},
		"subprojects":      {project + "/subprojects", "id", made(project+"/subprojects", `{}`), gone("/v1/subprojects")},
		"resources":        {project + "/resources", "id", made("/v1/resources", `{"type":"number","id":"NAME","parent":"project:`+w.Project.ID+`"}`), gone("/v1/resources/number")},
		"groups":           {account + "/groups", "id", made(account+"/groups", `{"id":"NAME"}`), gone(account + "/groups")},
		"roles":            {account + "/roles", "id", made(account+"/roles", `{"id":"NAME","permissions":["number.read"]}`), gone(account + "/roles")},
		"bindings":         {"/v1/bindings?account=" + w.Account.ID, "id", made("/v1/bindings", `{"subject":"user:NAME","role":"viewer","scope":"project:`+w.Project.ID+`"}`), gone("/v1/bindings")},
		"members": {members, "", func(f *fixture, n int) string {
			f.do(put, members+"/user:"+shuffled(n), "").want(200)
			return quoted("user:" + shuffled(n))
		}, gone(members)},
		"log": {account + "/log", "revision", func(f *fixture, n int) string {
			return quoted(decode[Account](f.do(patch, account, `{"display_name":"`+shuffled(n)+`"}`).want(200)).Revision)
		}, nil},
		"billing links": {project + "/billing-links", "from", func(f *fixture, _ int) string {
			f.do(remove, project+"/billing-link", "").want(200)
			link := decode[BillingLink](f.do(put, project+"/billing-link", `{"billing_account":"`+w.BillingAccount.ID+`"}`).want(200))
			return quoted(stampText(link.Since))
		}, nil},
		"parents": {parents, "from", func(f *fixture, n int) string {
			f.do(post, "/v1/subprojects/"+w.subproject+"/move", `{"parent":"project:`+[]string{w.Project.ID, elsewhere}[n%2]+`"}`).want(200)
			history := decode[ParentHistory](f.do(get, parents+"?page_size=1000", "").want(200)).Items
			return quoted(stampText(history[len(history)-1].From))
		}, nil},
	}
}

func unquoted(s string) string {
	text, _ := strconv.Unquote(s)
	return text
}

// pager reads the page of a list after another; "" is the first and the last.
type pager func(f *fixture, l *churned, after string) (names []string, next string)

func byToken(f *fixture, l *churned, after string) (names []string, next string) {
	p := decode[page[json.RawMessage]](f.do(get, with(l.path, "page_size=3&page_token="+after), "").want(200))
	for _, item := range p.Items {
		names = append(names, l.name(f.t, item))
	}
	return names, p.NextPageToken
}

// byOffset is how one would page who counts, for the negative control.
func byOffset(f *fixture, l *churned, after string) (names []string, next string) {
	offset, _ := strconv.Atoi(after)
	p := decode[page[json.RawMessage]](f.do(get, with(l.path, "page_size=1000"), "").want(200))
	for i := offset; i < len(p.Items) && i < offset+3; i++ {
		names = append(names, l.name(f.t, p.Items[i]))
	}
	if offset+3 < len(p.Items) {
		next = strconv.Itoa(offset + 3)
	}
	return names, next
}

func with(path, query string) string {
	if strings.Contains(path, "?") {
		return path + "&" + query
	}
	return path + "?" + query
}

// pageThroughChurn pages through a list of which items are created and deleted
// after each page, the last of the page among them. It returns how often each
// was seen that was there the whole time.
func pageThroughChurn(f *fixture, l *churned, read pager) map[string]int {
	f.t.Helper()
	seen, passing, made := map[string]int{}, []string{}, 0
	create := func() string { made++; return l.create(f, made) }
	for range 10 {
		seen[create()] = 0
		passing = append(passing, create())
	}
	for after, pages := "", 0; pages == 0 || after != ""; pages++ {
		if pages > 100 {
			f.t.Fatalf("%s has no end", l.path)
		}
		var names []string
		names, after = read(f, l, after)
		for _, name := range names {
			if _, stable := seen[name]; stable {
				seen[name]++
			} else if l.remove != nil && slices.Contains(passing, name) {
				l.remove(f, name)
				passing = slices.DeleteFunc(passing, func(s string) bool { return s == name })
			}
		}
		if l.remove != nil && len(passing) > 0 { // one that is still to come, or was made since
			l.remove(f, passing[0])
			passing = passing[1:]
		}
		passing = append(passing, create())
	}
	return seen
}

// Whatever is there the whole time stands in a list once, whatever else comes
// and goes between its pages.
func TestPagingThroughChurn(t *testing.T) {
	names := newFixture(t)
	first := names.world()
	for name := range churn(names, &first) { // each in a world of its own, or the log would be long
		f := newFixture(t)
		w := f.world()
		l := churn(f, &w)[name]
		for item, times := range pageThroughChurn(f, &l, byToken) {
			if times != 1 {
				t.Errorf("%s: %s was seen %d times", name, item, times)
			}
		}
	}
}

// The negative control: by counting, items are missed or seen twice.
func TestPagingByOffsetFails(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	lists := churn(f, &w)
	for _, name := range []string{"resources", "members"} {
		l, wrong := lists[name], 0
		for _, times := range pageThroughChurn(f, &l, byOffset) {
			if times != 1 {
				wrong++
			}
		}
		if wrong == 0 {
			t.Errorf("%s: nothing was missed or seen twice, so that the churn shows nothing", name)
		}
	}
}

// Every list that has pages is paged through.
func TestEveryListIsChurned(t *testing.T) {
	doc, err := loadDocument()
	must(t, err)
	same := map[string]string{ // another list of the same code
		"listSubprojectResources": "listProjectResources", "listResourceParents": "listSubprojectParents",
		"listProjectKeys": "listServiceKeys", "listSubprojectKeys": "listServiceKeys",
	}
	f := newFixture(t)
	w := f.world()
	churned := map[string]bool{}
	for _, l := range churn(f, &w) {
		route, _, err := f.contract.router.FindRoute(request(get, l.path, ""))
		must(t, err)
		churned[route.Operation.OperationID] = true
	}
	for path, item := range doc.Paths.Map() {
		if item.Get == nil {
			continue
		}
		op, err := doc.operation(get, path)
		must(t, err)
		if slices.Contains(op.queries, "page_token") && !churned[op.id] && !churned[same[op.id]] {
			t.Errorf("%s is paged, and not tested here", op.id)
		}
	}
}
