package main

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/tollgate-dev/tollgate/limit"
)

// rate is a flag of so many requests a second, and so many at once.
type rate limit.Rate

// String writes a rate as it is read.
func (r *rate) String() string {
	if *r == (rate{}) {
		return "0"
	}
	return strconv.FormatFloat(r.PerSecond, 'g', -1, 64) + ":" + strconv.Itoa(r.Burst)
}

// Set reads a rate, such as 10 or 10:50. Without a burst it is what a second
// earns.
func (r *rate) Set(text string) error {
	number, most, given := strings.Cut(text, ":")
	perSecond, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return errors.New("not a rate: it is requests a second, and behind a colon how many at once, such as 10 or 10:50; 0 for any number")
	}
	if perSecond == 0 && !given {
		*r = rate{}
		return nil
	}
	read := limit.Rate{PerSecond: perSecond, Burst: int(math.Ceil(min(max(perSecond, 1), limit.MaxBurst)))}
	if given {
		if read.Burst, err = strconv.Atoi(most); err != nil {
			return errors.New("the burst, behind the colon, is a whole number")
		}
	}
	if err := read.Check(); err != nil {
		return err
	}
	*r = rate(read)
	return nil
}

// Type is how help calls the value.
func (r *rate) Type() string { return "rate" }
