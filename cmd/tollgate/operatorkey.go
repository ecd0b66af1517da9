package main

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

const (
	operatorKeyPrefix = "tg_operator_"
	operatorKeyBytes  = 20 // 160 bits of randomness
	operatorKeyMin    = 16 // characters
)

var keyText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// operatorKey is the key that operators show. Without one the embedded store
// gets a new one; state that outlives the server needs a key that does, too.
func (a *app) operatorKey(c *settings) (key string, made bool, err error) {
	key, err = a.secret(c.operatorKeyFile, "TOLLGATE_OPERATOR_KEY")
	switch {
	case err != nil:
		return "", false, err
	case key == "" && c.redis != "":
		return "", false, errors.New("with --redis the operator's key must be given: set TOLLGATE_OPERATOR_KEY, or name a file with --operator-key-file; " +
			"a new key is, for example: " + newOperatorKey())
	case key == "":
		return newOperatorKey(), true, nil
	case len(key) < operatorKeyMin:
		return "", false, fmt.Errorf("the operator's key is shorter than %d characters; a new key is, for example: %s", operatorKeyMin, newOperatorKey())
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", false, errors.New("the operator's key may have printable ASCII characters only, without white space")
	}
	return key, false, nil
}

func newOperatorKey() string {
	b := make([]byte, operatorKeyBytes)
	_, _ = rand.Read(b) // never fails: see crypto/rand.Read
	return operatorKeyPrefix + keyText.EncodeToString(b)
}
