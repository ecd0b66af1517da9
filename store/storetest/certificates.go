package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificates are files of an authority that a test has made, and of one
// certificate that it has signed, for servers on the loopback interface and
// for their clients alike.
type Certificates struct {
	CA, Cert, Key string // file names
}

// Certify makes them.
func Certify(tb testing.TB) Certificates {
	tb.Helper()
	dir := tb.TempDir()
	c := Certificates{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	authority, signer := certificate(tb, nil, nil)
	write(tb, c.CA, "CERTIFICATE", authority.Raw)
	cert, key := certificate(tb, authority, signer)
	write(tb, c.Cert, "CERTIFICATE", cert.Raw)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	write(tb, c.Key, "PRIVATE KEY", raw)
	return c
}

// certificate makes one that an authority signs, or an authority.
func certificate(tb testing.TB, authority *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "a test of Tollgate"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP(host)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if authority == nil {
		c.Subject.CommonName = "an authority of a test of Tollgate"
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		authority, signer = c, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, authority, &key.PublicKey, signer)
	if err != nil {
		tb.Fatal(err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return made, key
}

func write(tb testing.TB, file, kind string, raw []byte) {
	tb.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// RedisTLS is Redis, reached with TLS only, by those who show a certificate of
// the authority.
func RedisTLS(tb testing.TB, c Certificates, settings ...string) (url string) {
	tb.Helper()
	s := launch(tb, func(port string) []string {
		return inMemory(tb, append([]string{
			"--port", "0", "--tls-port", port, "--tls-ca-cert-file", c.CA, "--tls-cert-file", c.Cert, "--tls-key-file", c.Key, "--tls-auth-clients", "yes",
		}, settings...)...)(port)
	})
	return "rediss://" + s.Addr
}
