package api

import (
	"time"
	"unicode/utf8"

	"github.com/tollgate-dev/tollgate/authz"
)

// The answers that are asked for most are appended to a buffer that is used
// again. What is appended here is what the types of the same names in
// types.gen.go say; a test compares the two.

// appendDecision appends a Decision, or a BatchResult that is one.
func appendDecision(b []byte, a *authz.Answer, x *authz.Explanation) []byte {
	if a.Allowed {
		b = append(b, `{"allowed":true,"reason":`...)
	} else {
		b = append(b, `{"allowed":false,"reason":`...)
	}
	b = appendReason(b, a)
	b = append(b, ',')
	b = appendPayer(b, a)
	if x != nil {
		b = append(b, `,"explanation":`...)
		b = appendExplanation(b, x)
	}
	return append(b, '}')
}

// appendPayer appends what a Decision and a BillingOwner have in common:
// billing, path, account, revision and whether it is stale.
func appendPayer(b []byte, a *authz.Answer) []byte {
	b = append(b, `"billing":`...)
	b = appendBilling(b, &a.Billing)
	b = append(b, `,"path":`...)
	b = appendStrings(b, a.Path())
	b = appendMember(b, `,"account":`, a.Account())
	b = appendMember(b, `,"revision":`, a.Token())
	if a.Stale {
		b = append(b, `,"stale":true`...)
	}
	return b
}

func appendReason(b []byte, a *authz.Answer) []byte {
	b = append(b, `{"code":`...)
	b = appendString(b, a.Code.String())
	b = appendMember(b, `,"detail":`, a.Code.Sentence())
	if cause, ok := a.Cause(); ok {
		b = appendCause(append(b, ','), &cause)
	}
	return append(b, '}')
}

// appendCause appends the members of a Cause, without braces.
func appendCause(b []byte, c *authz.Cause) []byte {
	b = append(b, `"binding":`...)
	b = appendString(b, c.Binding)
	b = append(b, `,"subject":`...)
	b = appendString(b, c.Subject.String())
	b = append(b, `,"role":`...)
	b = appendString(b, c.Role)
	b = append(b, `,"scope":`...)
	b = appendString(b, c.Scope.String())
	if len(c.Groups) > 0 {
		b = append(b, `,"groups":`...)
		b = appendStrings(b, c.Groups)
	}
	return b
}

func appendBilling(b []byte, p *authz.Billing) []byte {
	if p.Code == authz.Billed {
		b = append(b, `{"status":"billed"`...)
	} else {
		b = append(b, `{"status":"unbilled"`...)
		b = appendMember(b, `,"reason":`, p.Code.String())
	}
	b = appendMember(b, `,"billing_account":`, p.BillingAccount)
	b = appendMember(b, `,"project":`, p.Project)
	if p.Suspended {
		b = append(b, `,"suspended":true`...)
	}
	return append(b, '}')
}

// appendMember appends a member whose value is not empty; name is all that
// stands before the value.
func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, name...), value)
}

func appendStrings(b []byte, all []string) []byte {
	b = append(b, '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

// appendTime appends an instant, in microseconds since 1970, as a Timestamp.
func appendTime(b []byte, micro int64) []byte {
	return time.UnixMicro(micro).UTC().AppendFormat(b, `"`+wireTime+`"`)
}

// appendString appends a JSON string. What is not valid UTF-8 is replaced, as
// encoding/json does.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	clean := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[clean:i]...), "\ufffd"...)
				clean = i + 1
			}
			i += size
			continue
		}
		b = appendEscaped(append(b, s[clean:i]...), c)
		i++
		clean = i
	}
	return append(append(b, s[clean:]...), '"')
}

// appendEscaped appends a byte that cannot stand in a JSON string by itself.
func appendEscaped(b []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
}
