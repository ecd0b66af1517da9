package authz

import (
	"github.com/tollgate-dev/tollgate/internal/cow"
	"github.com/tollgate-dev/tollgate/policy"
)

// holders is a set of roles, a bit for each row: those that hold a permission.
type holders []uint64

func (h holders) has(role uint32) bool {
	i := int(role / 64)
	return i < len(h) && h[i]&(1<<(role%64)) != 0
}

func (h holders) with(role uint32) holders {
	wider := append(make(holders, 0, max(len(h), int(role/64)+1)), h...)
	for len(wider) <= int(role/64) {
		wider = append(wider, 0)
	}
	wider[role/64] |= 1 << (role % 64)
	return wider
}

// The permissions that an account's own roles name exactly are in a table,
// each with the roles that hold it by whatever pattern. So a check of one of
// them looks once and tests a bit for each binding; and what is in the table
// needs no check of its form. Other permissions, which only patterns can
// hold, are asked of each role. The table is bounded by what roles define.

// learn brings the table up to date with a role that is new. Any other change
// of roles rebuilds it: they are rare.
func (a *applying) learn(row uint32, c *policy.Compiled) {
	if a.rebuild {
		return
	}
	if a.roles.Len() > 1 && c.Wild() {
		a.rebuild = true
		return
	}
	a.know(row, c)
}

// know puts the permissions that a role names into the table.
func (a *applying) know(row uint32, c *policy.Compiled) {
	for _, text := range c.Exact() {
		i, known := a.permissions.Find(text)
		if !known {
			i = a.permissions.Put(a.edit, text)
			*a.permissions.Edit(a.edit, i) = a.unnamed(text)
		}
		if held := a.permissions.At(i); !held.has(row) {
			*a.permissions.Edit(a.edit, i) = held.with(row)
		}
	}
}

// unnamed are the roles that may hold a permission without being learnt by its
// name: predefined ones, and those with a wildcard.
func (a *applying) unnamed(text string) holders {
	if a.wild == nil {
		predefined := uint32(len(a.model.predefined))
		for row := range predefined + a.roles.Len() {
			if c := a.role(row); c != nil && (row < predefined || c.Wild()) {
				a.wild = append(a.wild, row)
			}
		}
	}
	var h holders
	p, err := policy.ParsePermission(text)
	if err != nil {
		return nil // nobody: it cannot be asked either
	}
	probe := p.Probe()
	for _, row := range a.wild {
		if a.role(row).Holds(&probe) {
			h = h.with(row)
		}
	}
	return h
}

// relearn builds the table anew.
func (a *applying) relearn() {
	a.permissions, a.wild = cow.Table[holders]{}, nil
	for row := range a.roles.Len() {
		if c := a.roles.At(row).compiled; c != nil {
			a.know(uint32(len(a.model.predefined))+row, c)
		}
	}
}
