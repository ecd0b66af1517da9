package oracle

import (
	"reflect"
	"testing"
)

// living is small, with nothing suspended or deleted in it, and somebody who
// gives access to the web project.
func living() *World {
	w := small()
	w.BillingAccounts[1].State, w.Projects[2].State, w.Projects[3].State = State{}, State{}, State{}
	w.Roles = append(w.Roles, Role{"access", []string{"project.read", "binding.grant", "binding.revoke"}})
	w.Bindings = append(w.Bindings, Binding{ID: "b5", Subject: "user:kim", Role: "access", Scope: "project:web", Effect: "allow"})
	return w
}

func TestApply(t *testing.T) {
	bind := func(subject, role, scope, effect string) Write {
		return Write{Action: "bind", Node: "binding:b9", Binding: Binding{ID: "b9", Subject: subject, Role: role, Scope: scope, Effect: effect}}
	}
	as := func(actor string, q Write) Write {
		q.Actor = actor
		return q
	}
	for name, c := range map[string]struct {
		q       Write
		changed bool
		refused string
	}{
		"a binding":                               {bind("user:zoe", "editor", "project:web", "allow"), true, ""},
		"of no role":                              {bind("user:zoe", "none", "project:web", "allow"), false, "NOT_FOUND"},
		"a role that is not one's own to give":    {as("user:kim", bind("user:zoe", "editor", "project:web", "allow")), false, "PERMISSION_DENIED"},
		"where one sees nothing":                  {as("user:kim", bind("user:zoe", "access", "project:lab", "allow")), false, "NOT_FOUND"},
		"a role that is":                          {as("user:kim", bind("user:zoe", "access", "project:web", "allow")), true, ""},
		"the same again":                          {bind("user:kim", "access", "project:web", "allow"), false, "ALREADY_EXISTS"},
		"a deny of those above":                   {as("user:ann", bind("user:zoe", "editor", "account:acme", "deny")), false, "PERMISSION_DENIED"},
		"a deny of the last owner":                {bind("user:ann", "editor", "account:acme", "deny"), false, "LAST_OWNER"},
		"the last owner's binding":                {Write{Action: "unbind", Node: "binding:b1"}, false, "LAST_OWNER"},
		"another binding":                         {as("user:kim", Write{Action: "unbind", Node: "binding:b2"}), true, ""},
		"a suspension":                            {Write{Action: "suspend", Node: "project:web"}, true, ""},
		"nothing to resume":                       {Write{Action: "resume", Node: "project:web"}, false, ""},
		"a deletion":                              {Write{Action: "delete", Node: "project:web"}, true, ""},
		"of one who pays":                         {Write{Action: "delete", Node: "billing_account:main"}, false, "BILLING_ACCOUNT_LINKED"},
		"a group in itself":                       {Write{Action: "enroll", Node: "group:dev", Member: "group:staff"}, false, "GROUP_CYCLE"},
		"a role that is in use":                   {Write{Action: "remove", Node: "role:editor"}, false, "ROLE_IN_USE"},
		"a resource that is there":                {Write{Action: "register", Node: "number:1", Parent: "project:lab"}, false, "ALREADY_EXISTS"},
		"a move":                                  {Write{Action: "move", Node: "number:1", Parent: "project:lab"}, true, ""},
		"a move away from a deny, by one beneath": {as("user:bob", Write{Action: "move", Node: "number:2", Parent: "project:lab"}), false, "NOT_FOUND"},
		"a link that is there":                    {Write{Action: "link", Node: "project:web", Payer: "main"}, false, ""},
		"no link to end":                          {Write{Action: "unlink", Node: "project:lab"}, false, "NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			w := living()
			next, changed, refused := Apply(w, c.q)
			if changed != c.changed || refused != c.refused {
				t.Errorf("changed is %t, refused %q", changed, refused)
			}
			if !reflect.DeepEqual(w, living()) || changed == reflect.DeepEqual(w, next) {
				t.Error("the world that was given was changed, or its next is none")
			}
		})
	}
}

// What is done is undone by what takes it back, and denied to those in between.
func TestApplyAndTakeBack(t *testing.T) {
	w := living()
	w.Projects[2].State = State{} // old
	for _, step := range []struct {
		q       Write
		refused string
	}{
		{Write{Action: "suspend", Node: "account:acme", Actor: "user:ann"}, ""},
		{Write{Action: "resume", Node: "account:acme"}, "SUSPENDED_BY_CUSTOMER"},
		{Write{Action: "open", Node: "project:new", Actor: "user:ann"}, "RESOURCE_SUSPENDED"},
		{Write{Action: "resume", Node: "account:acme", Actor: "user:ann"}, ""},
		{Write{Action: "delete", Node: "project:web", Actor: "user:ann"}, ""},
		{Write{Action: "restore", Node: "subproject:open"}, "PARENT_DELETED"},
		{Write{Action: "open", Node: "subproject:new", Parent: "project:web"}, "NOT_FOUND"},
		{Write{Action: "restore", Node: "project:web", Actor: "user:ann"}, ""},
	} {
		next, _, refused := Apply(w, step.q)
		if refused != step.refused {
			t.Errorf("%+v: %q, want %q", step.q, refused, step.refused)
		}
		w = next
	}
	if !reflect.DeepEqual(w, living()) {
		t.Errorf("left %+v", w)
	}
}
