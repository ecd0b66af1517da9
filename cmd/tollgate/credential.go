package main

import (
	"crypto/sha256"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/store"
)

// credential is the operator's key, as much of it as the server has.
type credential struct {
	hash [sha256.Size]byte
	made string // the key itself, if it was made just now
}

// settleKey says which key operators show: the one that they were given, or
// else the one that was made for the data when it was new, or else a new one.
// A key that is given puts an end to the one that was made: it does not come
// back when none is given any more.
func settleKey(given string, data *store.Data, log *zap.Logger) credential {
	var kept [sha256.Size]byte
	known := false
	if data != nil {
		kept, known = data.OperatorKeyHash()
	}
	switch {
	case given != "" && known:
		if sha256.Sum256([]byte(given)) != kept {
			data.ForgetOperatorKeyHash()
			log.Warn("an operator's key is given, so the one that was made for this data is valid no longer")
		}
		return credential{hash: sha256.Sum256([]byte(given))}
	case given != "":
		return credential{hash: sha256.Sum256([]byte(given))}
	case known:
		return credential{hash: kept}
	}
	made := newOperatorKey()
	return credential{sha256.Sum256([]byte(made)), made}
}

// keepKey keeps the hash of a key that was made, once it has been shown: a
// crash before that leaves no key that nobody knows.
func (b *backend) keepKey() {
	if b.data != nil && b.key.made != "" {
		b.data.KeepOperatorKeyHash(b.key.hash)
	}
}
