package store

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// decodeRecord reads the value of a record. Its body is left to who knows its
// kind.
func decodeRecord(key authz.Key, value string) (authz.Record, error) {
	part := strings.SplitN(value, " ", 4)
	if len(part) != 4 || part[3] == "" {
		return authz.Record{}, corrupt("the record %q", key)
	}
	created, err1 := strconv.ParseInt(part[0], 10, 64)
	updated, err2 := strconv.ParseInt(part[1], 10, 64)
	version, err3 := strconv.ParseUint(part[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return authz.Record{}, corrupt("the header of the record %q", key)
	}
	return authz.Record{Key: key, Created: created, Updated: updated, Version: version, Body: json.RawMessage(part[3])}, nil
}

// place says in which of an account's hashes a record stands, and under which
// field.
func place(account string, key authz.Key) (hash, field string) {
	if kind, id := key.Split(); kind == authz.KindResource {
		return resourcesKey(account), id
	}
	return docsKey(account), string(key)
}

// recordOf is the key of the record that a locator's claim is verified by.
func recordOf(ref hierarchy.Ref) authz.Key {
	if located(ref.Type) {
		return authz.KeyOf(ref.Type, ref.ID)
	}
	return authz.ResourceKey(ref)
}

// hasLocator reports whether anything of a type has a locator: the nodes that
// located names, and resources, which have any type that is not reserved.
func hasLocator(typ string) bool {
	return located(typ) || hierarchy.CheckResourceType(typ) == nil
}

// located reports whether Tollgate's own type has locators: nodes, and keys,
// which are presented without their account.
func located(typ string) bool {
	return typ == hierarchy.TypeProject || typ == hierarchy.TypeSubproject || typ == hierarchy.TypeBillingAccount || typ == hierarchy.TypeKey
}

// locatable is what the record of a key is located by; ok is false for records
// that are found through their account only.
func locatable(key authz.Key) (ref hierarchy.Ref, ok bool) {
	kind, id := key.Split()
	if located(kind) {
		return hierarchy.Ref{Type: kind, ID: id}, true
	}
	if kind == authz.KindResource {
		typ, rest, found := strings.Cut(id, ":")
		return hierarchy.Ref{Type: typ, ID: rest}, found
	}
	return hierarchy.Ref{}, false
}
