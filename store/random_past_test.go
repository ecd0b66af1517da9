package store_test

import (
	"encoding/json"
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// history is what the changes of one account say of its past, noted by brute
// force: what every record was, and who stood where and paid for what from when
// until when.
type history struct {
	account string
	records map[authz.Key]authz.Record // as the changes leave them
	born    map[string]int64           // nodes, at first
	parents map[string][]period
	payers  map[string][]period
}

// collector is who collects what is gone for good, as logs name it.
const collector = "tollgate"

// period is one stretch of a history; to is 0 while it lasts.
type period struct {
	holder   string
	from, to int64
}

func newHistory(account string) *history {
	return &history{account: account, records: map[authz.Key]authz.Record{}, born: map[string]int64{}, parents: map[string][]period{}, payers: map[string][]period{}}
}

// apply takes in the next change. It returns what of it does not fit what was
// there before.
func (h *history) apply(c *authz.Change) (flaws []string) {
	for _, e := range c.Edits {
		was, there := h.records[e.Key]
		withheld := e.Before == nil && there && c.Caller == collector // of what is collected
		if !withheld && (there != (e.Before != nil) || string(was.Body) != string(e.Before)) || (there && was.Created != e.Created) {
			flaws = append(flaws, string(e.Key)+" was not as the change says")
		}
		next := authz.Record{Key: e.Key, Created: c.At, Updated: c.At, Version: c.Number, Body: e.After}
		if there {
			next.Created = was.Created
		}
		h.records[e.Key] = next
		if e.After == nil {
			delete(h.records, e.Key)
		}
		h.note(e.Key, e.After, c.At)
	}
	return flaws
}

// note keeps the histories of a record that has become body.
func (h *history) note(key authz.Key, body json.RawMessage, at int64) {
	kind, id := key.Split()
	switch kind {
	case authz.KindLink:
		var doc billing.Link
		decode(body, &doc)
		turn(h.payers, hierarchy.TypeProject+":"+id, doc.BillingAccount, at)
	case hierarchy.TypeSubproject:
		var doc hierarchy.Subproject
		decode(body, &doc)
		if body != nil {
			turn(h.parents, string(key), hierarchy.TypeProject+":"+doc.Project, at)
		}
	case authz.KindResource:
		var doc hierarchy.Resource
		decode(body, &doc)
		parent := ""
		if body != nil {
			parent = doc.Parent.String()
		}
		turn(h.parents, id, parent, at)
		return
	}
	if _, known := h.born[string(key)]; !known {
		h.born[string(key)] = at
	}
}

// turn notes that something else holds from now on, "" for nothing.
func turn(of map[string][]period, node, holder string, at int64) {
	list := of[node]
	if n := len(list); n > 0 && list[n-1].to == 0 {
		if list[n-1].holder == holder {
			return
		}
		list[n-1].to = at
	}
	if holder != "" {
		list = append(list, period{holder: holder, from: at})
	}
	of[node] = list
}

// held is what held at an instant, and how many did.
func held(list []period, at int64) (holder string, count int) {
	for _, p := range list {
		if p.from <= at && (p.to == 0 || at < p.to) {
			holder, count = p.holder, count+1
		}
	}
	return holder, count
}

// paid is who paid for a node at an instant, and the path to it.
func (h *history) paid(node string, at int64) (authz.Billing, []string) {
	ref := refOf(node)
	var path []string
	for ref.Type != hierarchy.TypeProject {
		switch born, known := h.born[node]; {
		case (ref.Type == hierarchy.TypeAccount || ref.Type == hierarchy.TypeBillingAccount) && !known:
			return authz.Billing{}, nil
		case ref.Type == hierarchy.TypeAccount && born <= at:
			return authz.Billing{Code: authz.NotBillable}, []string{node}
		case ref.Type == hierarchy.TypeBillingAccount && born <= at:
			return authz.Billing{Code: authz.Billed, BillingAccount: ref.ID}, []string{node, "account:" + h.account}
		case ref.Type == hierarchy.TypeAccount || ref.Type == hierarchy.TypeBillingAccount:
			return authz.Billing{Code: authz.NotCreatedYet}, nil
		}
		list := h.parents[ref.String()]
		parent, there := held(list, at)
		switch {
		case len(list) == 0:
			return authz.Billing{}, nil
		case at < list[0].from:
			return authz.Billing{Code: authz.NotCreatedYet}, nil
		case there == 0:
			return authz.Billing{Code: authz.AlreadyDeleted}, nil
		}
		path = append(path, ref.String())
		ref = refOf(parent)
	}
	switch born, known := h.born[ref.String()]; {
	case !known:
		return authz.Billing{}, nil
	case at < born:
		return authz.Billing{Code: authz.NotCreatedYet}, nil
	}
	payer, billed := held(h.payers[ref.String()], at)
	owner := authz.Billing{Code: authz.NoBillingLink, Project: ref.ID}
	if billed > 0 {
		owner.Code, owner.BillingAccount = authz.Billed, payer
	}
	return owner, append(path, ref.String(), "account:"+h.account)
}

// instants are those at which something changed for a node or for what it ever
// stood in.
func (h *history) instants(node string) (all []int64) {
	if born, ok := h.born[node]; ok {
		all = append(all, born)
	}
	for _, p := range h.parents[node] {
		all = append(all, p.from, p.to)
		all = append(all, h.instants(p.holder)...)
	}
	for _, p := range h.payers[node] {
		all = append(all, p.from, p.to)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(at int64) bool { return at == 0 })
}

// asked are all nodes that can be asked about.
func (h *history) asked() []string {
	nodes := sorted(h.parents)
	for _, key := range sorted(h.born) {
		switch typ := refOf(key).Type; typ {
		case hierarchy.TypeAccount, hierarchy.TypeBillingAccount, hierarchy.TypeProject:
			nodes = append(nodes, key)
		}
	}
	return append(nodes, "number:never")
}
