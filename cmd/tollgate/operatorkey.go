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

// operatorKey is the key that operators were given to show, "" if they were
// given none. Only an embedded store can do without: a key is made for it.
func (a *app) operatorKey(c *settings) (key string, err error) {
	key, err = a.secret(c.operatorKeyFile, "TOLLGATE_OPERATOR_KEY")
	switch {
	case err != nil:
		return "", err
	case key == "" && c.redis != "":
		return "", errors.New("with --redis the operator's key must be given: set TOLLGATE_OPERATOR_KEY, or name a file with --operator-key-file; " +
			"a new key is, for example: " + newOperatorKey())
	case key == "":
		return "", nil
	case len(key) < operatorKeyMin:
		return "", fmt.Errorf("the operator's key is shorter than %d characters; a new key is, for example: %s", operatorKeyMin, newOperatorKey())
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("the operator's key may have printable ASCII characters only, without white space")
	}
	return key, nil
}

func newOperatorKey() string {
	b := make([]byte, operatorKeyBytes)
	_, _ = rand.Read(b) // never fails: see crypto/rand.Read
	return operatorKeyPrefix + keyText.EncodeToString(b)
}
