// Package realroles has the predefined roles of a public cloud, for tests and
// benchmarks: 2,461 roles, 13,790 permissions, 165,179 pairs of both. They are
// kept in a file beside the repository, under shared/data.
package realroles

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/tollgate-dev/tollgate/internal/oracle"
)

// File is the file's path from the root of the repository.
const File = "../shared/data/gcp-roles.jsonl.gz"

// How much the file has.
const (
	Roles       = 2_461
	Permissions = 13_790
	Pairs       = 165_179
)

// Role is a line of the file.
type Role struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Permissions []string `json:"permissions"`
}

// Index is the file, read and indexed: what a program would do at the least
// that answers questions about it.
type Index struct {
	Roles []Role
	Held  []map[string]bool // by role, in their order
	Names []string          // all permissions, in the order in which the file has them
}

// Pair is a role, by its place in Roles, and a permission.
type Pair struct {
	Role       int
	Permission string
}

// Read reads and indexes the file.
func Read(name string) (*Index, error) {
	f, err := os.Open(name) //nolint:gosec // a test names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	x := &Index{}
	named := map[string]bool{}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var r Role
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("role %d: %w", len(x.Roles)+1, err)
		}
		held := make(map[string]bool, len(r.Permissions))
		for _, p := range r.Permissions {
			held[p] = true
			if !named[p] {
				named[p] = true
				x.Names = append(x.Names, p)
			}
		}
		x.Roles, x.Held = append(x.Roles, r), append(x.Held, held)
	}
	return x, lines.Err()
}

// Pairs are all permissions of all roles.
func (x *Index) Pairs() []Pair {
	var pairs []Pair
	for i, r := range x.Roles {
		for _, p := range r.Permissions {
			pairs = append(pairs, Pair{i, p})
		}
	}
	return pairs
}

// NonPairs are as many distinct pairs that are none: permissions of other
// roles, taken of each role in turn. They are the same at each call.
func (x *Index) NonPairs(n int) []Pair {
	rng := rand.New(rand.NewPCG(1, 1))
	taken := make(map[Pair]bool, n)
	pairs := make([]Pair, 0, n)
	for i := 0; len(pairs) < n; i++ {
		role := i % len(x.Roles)
		p := Pair{role, x.Names[rng.IntN(len(x.Names))]}
		if !x.Held[role][p.Permission] && !taken[p] {
			taken[p] = true
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// Account is the account of World, and Project the project in it.
const (
	Account = "cloud"
	Project = "project:web"
)

// Subject is the user who is bound to a role, and to no other.
func Subject(role int) string { return fmt.Sprintf("user:holder-%d", role) }

// World is an account in which the roles are its own, and each is bound to one
// user at the account. binding makes the ID of a binding.
func (x *Index) World(binding func(n int) string) *oracle.World {
	w := &oracle.World{
		Account: Account, BillingAccounts: []oracle.BillingAccount{{ID: "cloud-main"}},
		Projects: []oracle.Project{{ID: "web", Payer: "cloud-main"}},
	}
	for i, r := range x.Roles {
		w.Roles = append(w.Roles, oracle.Role{ID: r.ID, Permissions: slices.Clone(r.Permissions)})
		w.Bindings = append(w.Bindings, oracle.Binding{ID: binding(i), Subject: Subject(i), Role: r.ID, Scope: "account:" + Account, Effect: "allow"})
	}
	return w
}
