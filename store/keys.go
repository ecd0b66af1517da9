package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// escapeTag keeps braces out of a hash tag, which ends at the first closing
// one. Without it "}" in the ID of an account would scatter its keys over
// slots, or make them those of another account.
var escapeTag = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

// accountKey is a key of an account. All of them share its hash tag, and with
// that its slot.
func accountKey(account, name string) string {
	return "tg:{" + escapeTag.Replace(account) + "}:" + name
}

// headKey is a hash: num, id, basis and at of the newest revision.
func headKey(account string) string { return accountKey(account, "head") }

// docsKey is a hash: authz.Key to value, of all records except resources. A
// value is "<created µs> <updated µs> <version> <json>".
func docsKey(account string) string { return accountKey(account, "docs") }

// resourcesKey is a hash: "type:id" to value, of the account's resources.
func resourcesKey(account string) string { return accountKey(account, "res") }

// containerKey is a sorted set, all scores 0 and so in the order of its bytes:
// the "type:id" of the resources directly in a project or subproject.
func containerKey(account, container string) string {
	return accountKey(account, "in:"+container)
}

// payersKey is a sorted set, all scores 0: the history of which billing
// account paid for a project. A member is
//
//	node NUL <20 digits of µs> NUL from NUL to
//
// so that what held at T is the first member, backwards from
// "(node NUL <T+1>".
func payersKey(account string) string { return accountKey(account, "payers") }

// parentsKey is the history of the parents of resources and subprojects, in
// the form of payersKey.
func parentsKey(account string) string { return accountKey(account, "parents") }

// logKey is a stream: an entry "<number>-0" for each revision, with id, prev,
// at, basis, actor, caller, action and edits. The oldest are trimmed.
func logKey(account string) string { return accountKey(account, "log") }

// identitiesKey is a sorted set: the identities of the revisions in the log,
// scored by number. By it a commit that was sent twice finds itself.
func identitiesKey(account string) string { return accountKey(account, "ids") }

// revokedKey is a string that exists while a commit, named by its identity, is
// revoked. It expires once the commit's claims are stale.
func revokedKey(account, identity string) string {
	return accountKey(account, "revoked:"+identity)
}

// locatorKey is a string, a claim: which account a node or a resource belongs
// to. It is in a slot of its own.
func locatorKey(ref hierarchy.Ref) string { return "tg:loc:" + ref.String() }

// dueKey is a sorted set: what is to be collected, "account NUL type:id", by
// when, in microseconds.
const dueKey = "tg:due"

// leaseKey is a string: until when somebody has a lease, in microseconds, a
// space, and who.
func leaseKey(name string) string { return "tg:lease:" + name }

// rosterKey is a sorted set: replicas, as JSON, by when their enrolment ends, in
// microseconds.
const rosterKey = "tg:replicas"

// rosterChannel is a channel: what replicas ask one another, and answer.
const rosterChannel = "tg:replicas"

// feedChannel is a channel: every change of every account, as it is committed.
const feedChannel = "tg:feed"

// madeKey is a string that exists for a day after a commit, named by its
// identity, that is to be remembered: "<number> <at µs> <basis> <outcome>".
func madeKey(account, identity string) string {
	return accountKey(account, "made:"+identity)
}

// usedKey is a string: when an API key was used last, in microseconds. It
// expires long after.
func usedKey(account string, key hierarchy.Ref) string {
	return accountKey(account, "used:"+key.String())
}

// onceKey is a string: what the first request of a scope under an idempotency
// key proposed. Nothing of the scope stands in it readably.
func onceKey(scope []string) string {
	h := sha256.New()
	for _, part := range scope {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // or "ab", "c" were "a", "bc"
		h.Write([]byte(part))
	}
	return "tg:once:" + hex.EncodeToString(h.Sum(nil))
}
