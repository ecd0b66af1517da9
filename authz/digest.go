package authz

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tollgate-dev/tollgate/policy"
)

// digestBytes is how much of the hash is shown: enough to tell by it what
// differs by mistake, or between two versions.
const digestBytes = 8

// Digest is a hash, in hexadecimal, of all that decides and is not in the
// store: what the model means, the predefined roles, and the types that are not
// registered. Two engines of the same digest answer alike from the same
// revision.
func (e *Engine) Digest() string { return e.digest }

func digestOf(m policy.Meaning, roles []policy.PredefinedRole, unregistered map[string]bool) string {
	type of struct {
		Meaning      policy.Meaning
		Roles        map[string][]string
		Unregistered []string
	}
	all := of{m, make(map[string][]string, len(roles)), slices.Sorted(maps.Keys(unregistered))}
	for _, r := range roles {
		all.Roles[r.ID] = slices.Sorted(slices.Values(r.Permissions))
	}
	text, _ := json.Marshal(all) // which sorts the roles; such values always encode
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:digestBytes])
}
