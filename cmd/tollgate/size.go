package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// byteSize is a flag of so many bytes, in units of 1,024.
type byteSize int64

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// String writes a size in the largest unit that it is a multiple of.
func (s *byteSize) String() string {
	for _, u := range units {
		if *s != 0 && int64(*s)%u.bytes == 0 {
			return strconv.FormatInt(int64(*s)/u.bytes, 10) + u.name
		}
	}
	return "0"
}

// Set reads a size: a whole number, and a unit unless it is of bytes.
func (s *byteSize) Set(text string) error {
	bytes := int64(1)
	for _, u := range units {
		if number, found := strings.CutSuffix(text, u.name); found {
			text, bytes = number, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/bytes {
		return errors.New("not a size: it is a whole number and a unit, such as 512MiB or 2GiB")
	}
	*s = byteSize(n * bytes)
	return nil
}

// Type is how help calls the value.
func (s *byteSize) Type() string { return "size" }
