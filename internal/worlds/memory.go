package worlds

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
)

// Memory is an authz.Source that holds accounts in memory, with their logs,
// and can do what a store may do to a replica: fail, lag, lose its log, and
// lose writes. It is safe for concurrent use.
type Memory struct {
	// Now is the store's clock, in microseconds since 1970.
	Now func() int64
	// Before, if set, is called at the start of each conversation with the
	// method's name and all identifiers that it is given: accounts as
	// "account:id", others as they are. Its error is the conversation's.
	Before func(method string, about ...string) error

	// After, if set, is called at the end of each reading of one account with
	// the method's name, once it is settled what is returned.
	After func(method string)

	// Calls count conversations by method.
	Loads, Reads, Sinces, Locates, RevisionAts, Batches atomic.Int64

	mu       sync.Mutex
	accounts map[string]*history
	claims   map[string]string // node or resource to account
	minted   uint64            // identities made
}

// history is one account and the changes that led to it.
type history struct {
	head    authz.Head
	records map[authz.Key]authz.Record // resources too
	log     []authz.Change
}

// NewMemory is an empty source whose clock stands at Epoch.
func NewMemory() *Memory {
	return &Memory{Now: func() int64 { return Epoch }, accounts: map[string]*history{}, claims: map[string]string{}}
}

// Put makes the account of a world, at revision 1, and claims its nodes and
// resources. It replaces an account that was there, as if that had never been.
func (m *Memory) Put(w *oracle.World) authz.Head { return m.PutRecords(w.Account, allRecords(w)) }

// PutRecords is Put, of an account that is records already.
func (m *Memory) PutRecords(account string, records []authz.Record) authz.Head {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := &history{records: map[authz.Key]authz.Record{}}
	m.accounts[account] = h
	edits := make([]authz.Edit, len(records))
	for i, rec := range records {
		edits[i] = authz.Edit{Key: rec.Key, After: rec.Body}
	}
	m.commit(account, h, edits)
	return h.head
}

// Commit writes edits to an account, and returns what its log has of them.
func (m *Memory) Commit(account string, edits ...authz.Edit) (authz.Head, authz.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.accounts[account]
	c := m.commit(account, h, edits)
	return h.head, c
}

func (m *Memory) commit(account string, h *history, edits []authz.Edit) authz.Change {
	m.minted++
	c := authz.Change{
		Revision: authz.Revision{Number: h.head.Number + 1, Identity: m.identity()},
		Previous: h.head.Identity, At: m.Now(), Edits: edits,
	}
	basis := h.head.Basis
	for _, e := range edits {
		kind, id := e.Key.Split()
		if kind != authz.KindResource {
			basis = c.Number
		}
		if e.After == nil {
			delete(h.records, e.Key)
		} else {
			h.records[e.Key] = authz.Record{Key: e.Key, Version: c.Number, Body: e.After}
		}
		m.claim(account, kind, id, e.After == nil)
	}
	h.head = authz.Head{Revision: c.Revision, Basis: basis, At: c.At}
	h.log = append(h.log, c)
	return c
}

// identity is never the same twice, and does not sort by time.
func (m *Memory) identity() string {
	var b [8]byte
	for i, n := 0, m.minted*0x9E3779B97F4A7C15; i < len(b); i, n = i+1, n>>8 {
		b[i] = byte(n)
	}
	return hex.EncodeToString(b[:])
}

// claim keeps the locator: nodes for good, resources and keys until they are
// gone.
func (m *Memory) claim(account, kind, id string, gone bool) {
	located := kind + ":" + id
	switch kind {
	case authz.KindResource:
		located = id
	case hierarchy.TypeAccount, hierarchy.TypeBillingAccount, hierarchy.TypeProject, hierarchy.TypeSubproject, hierarchy.TypeKey:
	default:
		return
	}
	if gone && m.claims[located] == account {
		delete(m.claims, located)
	} else if !gone {
		m.claims[located] = account
	}
}

// Trim forgets all of an account's log but its last change.
func (m *Memory) Trim(account string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.accounts[account]
	h.log = h.log[len(h.log)-1:]
}

// Lose undoes an account's last changes, as a failover does that had not
// received them.
func (m *Memory) Lose(account string, changes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.accounts[account]
	for range changes {
		last := h.log[len(h.log)-1]
		h.log = h.log[:len(h.log)-1]
		for _, e := range last.Edits {
			delete(h.records, e.Key)
			if e.Before != nil {
				h.records[e.Key] = authz.Record{Key: e.Key, Body: e.Before}
			}
		}
		before := h.log[len(h.log)-1]
		h.head = authz.Head{Revision: before.Revision, Basis: before.Number, At: before.At}
	}
}

// Remove makes an account one that never was.
func (m *Memory) Remove(account string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.accounts, account)
}

// begin counts a conversation, and lets it fail.
func (m *Memory) begin(ctx context.Context, method string, calls *atomic.Int64, about ...string) error {
	calls.Add(1)
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Before != nil {
		return m.Before(method, about...)
	}
	return nil
}

func about(account string, keys []authz.Key) []string {
	all := []string{hierarchy.TypeAccount + ":" + account}
	for _, key := range keys {
		_, id := key.Split()
		all = append(all, id)
	}
	return all
}

// Load returns all of an account.
func (m *Memory) Load(ctx context.Context, account string, resources ...authz.Key) (*authz.State, error) {
	if err := m.begin(ctx, "Load", &m.Loads, about(account, resources)...); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.accounts[account]
	if !ok {
		return nil, authz.ErrNoAccount
	}
	s := &authz.State{Head: m.headOf(h), Resources: h.some(resources)}
	for key, rec := range h.records {
		if kind, _ := key.Split(); kind != authz.KindResource {
			s.Records = append(s.Records, rec)
		}
	}
	return s, nil
}

func (m *Memory) headOf(h *history) authz.Head {
	head := h.head
	head.Now = m.Now()
	return head
}

func (h *history) some(keys []authz.Key) []authz.Record {
	var found []authz.Record
	for _, key := range keys {
		if rec, ok := h.records[key]; ok {
			found = append(found, rec)
		}
	}
	return found
}

// Since returns the changes after a revision.
func (m *Memory) Since(ctx context.Context, account string, after authz.Revision) (authz.Head, []authz.Change, error) {
	if err := m.begin(ctx, "Since", &m.Sinces, about(account, nil)...); err != nil {
		return authz.Head{}, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.accounts[account]
	if !ok {
		return authz.Head{}, nil, authz.ErrNoAccount
	}
	if h.head.Revision == after {
		return m.headOf(h), nil, nil
	}
	for i, c := range h.log {
		if c.Number == after.Number+1 && c.Previous == after.Identity {
			return m.headOf(h), append([]authz.Change(nil), h.log[i:]...), nil
		}
	}
	return authz.Head{}, nil, fmt.Errorf("after revision %d: %w", after.Number, authz.ErrGap)
}

// Read returns records.
func (m *Memory) Read(ctx context.Context, account string, keys ...authz.Key) (authz.Head, []authz.Record, error) {
	if err := m.begin(ctx, "Read", &m.Reads, about(account, keys)...); err != nil {
		return authz.Head{}, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.accounts[account]
	if !ok {
		return authz.Head{}, nil, authz.ErrNoAccount
	}
	head, records := m.headOf(h), h.some(keys)
	if m.After != nil {
		m.mu.Unlock()
		m.After("Read")
		m.mu.Lock()
	}
	return head, records, nil
}

// Heads returns the newest revisions of accounts.
func (m *Memory) Heads(ctx context.Context, accounts []string) ([]authz.Revision, error) {
	var about []string
	for _, a := range accounts {
		about = append(about, hierarchy.TypeAccount+":"+a)
	}
	if err := m.begin(ctx, "Heads", &m.Batches, about...); err != nil {
		return nil, err
	}
	m.mu.Lock()
	revisions := make([]authz.Revision, len(accounts))
	for i, a := range accounts {
		if h, ok := m.accounts[a]; ok {
			revisions[i] = h.head.Revision
		}
	}
	m.mu.Unlock()
	if m.After != nil {
		m.After("Heads")
	}
	return revisions, nil
}

// RevisionAt returns the identity of a revision that the log has.
func (m *Memory) RevisionAt(ctx context.Context, account string, number uint64) (identity string, found bool, err error) {
	if err := m.begin(ctx, "RevisionAt", &m.RevisionAts, about(account, nil)...); err != nil {
		return "", false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.accounts[account]
	if !ok {
		return "", false, authz.ErrNoAccount
	}
	for _, c := range h.log {
		if c.Number == number {
			return c.Identity, true, nil
		}
	}
	return "", false, nil
}

// Locate returns the accounts of nodes and resources.
func (m *Memory) Locate(ctx context.Context, refs ...hierarchy.Ref) ([]string, error) {
	var about []string
	for _, r := range refs {
		about = append(about, r.String())
	}
	if err := m.begin(ctx, "Locate", &m.Locates, about...); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	accounts := make([]string, len(refs))
	for i, r := range refs {
		accounts[i] = m.claims[r.String()]
	}
	return accounts, nil
}
