package limit

import "strconv"

// The headers of draft-ietf-httpapi-ratelimit-headers-10. A policy is a burst
// and the time in which it is earned; a limit is what is left of it, and when
// all of it is there again.
const (
	PolicyHeader = "RateLimit-Policy"
	Header       = "RateLimit"
	RetryHeader  = "Retry-After"
)

// Policy is the value of RateLimit-Policy; "" if nothing is limited.
func (s *Standing) Policy() string {
	return s.list(func(b []byte, of *Bucket) []byte {
		b = strconv.AppendInt(append(b, ";q="...), int64(of.Burst), 10)
		return strconv.AppendInt(append(b, ";w="...), max(1, (of.interval()*int64(of.Burst)+1e9-1)/1e9), 10)
	})
}

// Value is the value of RateLimit; "" if nothing is limited.
func (s *Standing) Value() string {
	return s.list(func(b []byte, of *Bucket) []byte {
		b = strconv.AppendInt(append(b, ";r="...), int64(of.Remaining), 10)
		return strconv.AppendInt(append(b, ";t="...), int64(of.Reset()), 10)
	})
}

// Reset is in how many whole seconds, rounded up, the bucket is full again.
func (b *Bucket) Reset() int { return seconds(b.Full) }

// list is a list of structured fields (RFC 9651) that has an item for each
// bucket.
func (s *Standing) list(parameters func([]byte, *Bucket) []byte) string {
	b := make([]byte, 0, 64)
	for _, of := range []struct {
		name   string
		bucket *Bucket
	}{{`"key"`, &s.Key}, {`"account"`, &s.Account}} {
		if of.bucket.Burst == 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = parameters(append(b, of.name...), of.bucket)
	}
	return string(b)
}
