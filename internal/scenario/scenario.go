// Package scenario reads scenario files: an account, the questions asked about
// it, and what must be answered and why. The same files run on the core and
// over HTTP, so they say what is asked and answered in the words of the wire,
// and nothing of how.
package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tollgate-dev/tollgate/admin"
)

// Scenario is one file.
type Scenario struct {
	// Name is that of the file, without its ending.
	Name string `json:"-"`
	// Shows are the statements of the account model that it shows, as M14.
	Shows []string `json:"shows"`
	// Story says in a few sentences who is who.
	Story string `json:"story"`
	// Unregistered are the types of resource that the service must be
	// configured not to have registered.
	Unregistered []string     `json:"unregistered,omitempty"`
	Bundle       admin.Bundle `json:"bundle"`
	Checks       []Check      `json:"checks"`
}

// Check is one question, and what must be answered.
type Check struct {
	Subject        string `json:"subject"`
	Permission     string `json:"permission"`
	Resource       string `json:"resource"`
	Account        string `json:"account,omitempty"`
	Parent         string `json:"parent,omitempty"`
	RequireBilling bool   `json:"require_billing,omitempty"`
	// At is as of when it is asked. A check with an instant runs where the
	// clock can be set; one without is good at any time from 2026 to 2099.
	At *time.Time `json:"at,omitempty"`

	Allowed bool     `json:"allowed"`
	Code    string   `json:"code"`
	Billing Billing  `json:"billing"`
	Path    []string `json:"path,omitempty"` // if it matters

	// What an explanation must say, where it matters.
	Because   *Cause   `json:"because,omitempty"`   // the binding that decided
	Obstacles []string `json:"obstacles,omitempty"` // the codes of all, in order
	Miss      *Miss    `json:"nearest_miss,omitempty"`

	// Why says to people why the answer is right.
	Why string `json:"why,omitempty"`
}

// Billing is who pays, or why nobody does.
type Billing struct {
	Status         string `json:"status"` // billed or unbilled
	BillingAccount string `json:"billing_account,omitempty"`
	Project        string `json:"project,omitempty"`
	Reason         string `json:"reason,omitempty"`
}

// Cause is a binding that decided, and the groups through which it reached
// who asked.
type Cause struct {
	Subject string   `json:"subject"`
	Role    string   `json:"role"`
	Scope   string   `json:"scope"`
	Groups  []string `json:"groups,omitempty"`
}

// Miss is a binding that came near to allowing.
type Miss struct {
	Kind  string `json:"kind"`
	Role  string `json:"role"`
	Scope string `json:"scope"`
}

// Load reads all scenario files of a directory, in the order of their names.
func Load(dir string) ([]Scenario, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	all := make([]Scenario, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a file of a test's
		if err != nil {
			return nil, err
		}
		s, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		s.Name = strings.TrimSuffix(filepath.Base(file), ".yaml")
		all = append(all, *s)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no scenario", dir)
	}
	return all, nil
}

// Parse reads one scenario. It refuses what it does not know, so that a
// misspelt expectation is not one that is always met.
func Parse(text []byte) (*Scenario, error) {
	var s Scenario
	if err := yaml.UnmarshalStrict(text, &s); err != nil {
		return nil, err
	}
	if len(s.Checks) == 0 || s.Story == "" || len(s.Shows) == 0 {
		return nil, errors.New("a scenario has a story, says what it shows, and has checks")
	}
	for i := range s.Checks {
		if err := s.Checks[i].flaw(); err != nil {
			return nil, fmt.Errorf("check %d, %s: %w", i+1, s.Checks[i].Name(), err)
		}
	}
	return &s, nil
}

// Name is what a test of the check is called.
func (c *Check) Name() string {
	name := fmt.Sprintf("%s %s %s", c.Subject, c.Permission, c.Resource)
	if c.At != nil {
		name += " at " + c.At.UTC().Format(time.RFC3339Nano)
	}
	return cmp.Or(c.Why, name)
}

// flaw says what is missing from a check, or does not go together.
func (c *Check) flaw() error {
	switch {
	case c.Subject == "" || c.Permission == "" || c.Resource == "":
		return errors.New("a check has a subject, a permission and a resource")
	case c.Allowed != (c.Code == "ALLOWED"):
		return fmt.Errorf("allowed is %t and code is %q", c.Allowed, c.Code)
	case (c.Billing.Status == "billed") != (c.Billing.BillingAccount != ""):
		return errors.New("what is billed has a billing account, and what is not has none")
	case (c.Billing.Status == "unbilled") != (c.Billing.Reason != ""):
		return errors.New("what is unbilled has a reason, and what is billed has none")
	case c.Billing.Status == "":
		return errors.New("a check says who pays")
	case c.Allowed && (len(c.Obstacles) > 0 || c.Miss != nil):
		return errors.New("what is allowed has no obstacles")
	}
	return nil
}
