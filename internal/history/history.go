// Package history records what clients of several servers wrote, asked and
// were answered, and checks that no answer was older than it may be.
//
// An account is looked at as a set of facts, each true or false: that somebody
// is in a group, that a resource exists. A write makes a fact true or false; a
// check answers whether it is. Every acknowledgement and every answer carries
// the revision that it is of, so that nothing has to be guessed: the log of an
// account, read at the end, says what holds at each revision, and an answer has
// to be that of its own revision, which has to be one that is new enough.
//
// All times are of one monotonic clock, that of the process that records: of
// each operation when it was begun and when its outcome was known. What happens
// between the two is to be anywhere between, so that a slow client makes
// nothing a violation that is none.
//
// What is promised, and so checked:
//
//   - an answer has the value that its revision has;
//   - with a token it is of the token's revision or of one that came after it,
//     always, whatever fails;
//   - without one it has every write that was acknowledged longer ago than the
//     bound when it was asked for; asked for in full, every write that was
//     acknowledged at all by then; and what was seen in an answer counts as
//     what was acknowledged;
//   - once a receipt says that every server has taken a revision in, no answer
//     that is asked for afterwards is older, from whichever server;
//   - an acknowledged write is in the log, with the effect that was asked for,
//     unless the master of the store failed after it; then it is lost, and
//     whoever shows its token is told. Nobody is told so of one that is there.
//     Where every replica is waited for, none is lost; but a write that finds
//     done what it is to do waits for nobody, and answers the revision that it
//     found;
//   - nothing is in the log that nobody wrote, or twice, or before a write that
//     was acknowledged before it was begun;
//   - a server that the store is away from answers nothing once what it knows is
//     out of the bound.
//
// A master that was deposed and does not know it yet answers whoever still
// asks it (see Failover): for so long an answer has what was acknowledged
// before, and what was written elsewhere meanwhile only if a token asks for it.
package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Revision is one state of an account.
type Revision struct {
	Number   uint64 `json:"n"`
	Identity string `json:"id"`
}

func (r Revision) String() string { return fmt.Sprintf("%d/%s", r.Number, r.Identity) }

// Kind says what an entry records.
type Kind string

// The kinds. What a Change or Lost entry says is of the account's log, not of
// an operation: it has no times.
const (
	// Write made Fact have Value. Without Revision it was refused, and may
	// have been made all the same.
	Write Kind = "write"
	// Check asked about Fact and was answered Value, or was refused.
	Check Kind = "check"
	// Receipt says that every server has taken Revision in.
	Receipt Kind = "receipt"
	// Change is what a revision of the log changed, as it is in the end. The
	// first of an account has one for each fact.
	Change Kind = "change"
	// Lost is what a revision changed that was in the log, and then was not.
	// It comes after Previous.
	Lost Kind = "lost"
	// Failover is that of a master that failed at Start. From End on it could
	// not answer anything any more. Named Deposed, it came back in between and
	// did not know that another had taken its place.
	Failover Kind = "failover"
	// Away is a time in which Server could not reach the store; 0 is all.
	Away Kind = "away"
	// Phase is a time that has a name: that of a fault, say.
	Phase Kind = "phase"
)

// Entry is one line of a history.
type Entry struct {
	Kind    Kind          `json:"kind"`
	Account string        `json:"account,omitempty"`
	Server  int           `json:"server,omitempty"` // from 1
	Fact    string        `json:"fact,omitempty"`
	Value   bool          `json:"value,omitempty"`
	Start   time.Duration `json:"start,omitempty"`
	End     time.Duration `json:"end,omitempty"`
	Full    bool          `json:"full,omitempty"`     // of a check: the store was to be asked
	AtLeast *Revision     `json:"at_least,omitempty"` // of a check: what it asked for
	// Revision is the one that was acknowledged, answered or confirmed.
	Revision *Revision `json:"revision,omitempty"`
	Previous *Revision `json:"previous,omitempty"`
	Refused  string    `json:"refused,omitempty"` // the reason
	Changed  bool      `json:"changed,omitempty"` // of a write: what it made so was known not to be so
	Name     string    `json:"name,omitempty"`    // of a phase or a failover
}

// ReasonLost is the reason for which a token of a write that was lost is
// refused.
const ReasonLost = "REVISION_LOST"

// Deposed is the name of a failover whose old master came back.
const Deposed = "deposed"

// Recorder takes entries down. Its methods may be called by many goroutines at
// once.
type Recorder struct {
	began time.Time

	mu      sync.Mutex
	entries []Entry
}

// NewRecorder starts the clock.
func NewRecorder() *Recorder { return &Recorder{began: time.Now()} }

// Now is the time on the recorder's clock.
func (r *Recorder) Now() time.Duration { return time.Since(r.began) }

// Add takes an entry down.
func (r *Recorder) Add(e Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
}

// Entries returns what was taken down.
func (r *Recorder) Entries() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entries[:len(r.entries):len(r.entries)]
}

// Encode writes a history, one entry a line, so that it can be kept.
func Encode(w io.Writer, entries []Entry) error {
	buffered := bufio.NewWriter(w)
	lines := json.NewEncoder(buffered)
	for _, e := range entries {
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// Decode reads a history that was kept.
func Decode(r io.Reader) (entries []Entry, err error) {
	lines := json.NewDecoder(r)
	for {
		var e Entry
		switch err := lines.Decode(&e); err {
		case nil:
			entries = append(entries, e)
		case io.EOF:
			return entries, nil
		default:
			return nil, fmt.Errorf("entry %d of the history: %w", len(entries)+1, err)
		}
	}
}
