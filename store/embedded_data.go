package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Data is the file that an embedded store is kept in.
//
// The file is a whole copy of the store as of one moment, never a mixture of
// two, and each save replaces it as a whole: at any time, a crash of the
// process or of the machine leaves the last save or the one before. A change
// is saved within a second, or within three times as long as a save takes if
// that is longer. Tokens of what a crash has lost answer REVISION_LOST, since
// a revision's identity is random.
//
// A save that fails is logged and tried again; the store works on meanwhile.
// Methods may be called by many goroutines at once.
type Data struct {
	path string
	lock *fileLock
	gate *gate
	log  *zap.Logger

	stop, ended chan struct{} // of the goroutine that saves
	saving      sync.Mutex    // held during a save

	mu       sync.Mutex
	operator *[sha256.Size]byte // hash of the operator's key; nil if there is none
	saved    uint64             // changes that the file has
	next     time.Time          // no save before
	failing  bool               // the last save failed
	warned   time.Duration      // how slow a save was when that was last said
	stats    DataStats
}

// DataStats says how saving goes.
type DataStats struct {
	// Saves and Failures are how many saves succeeded and failed.
	Saves, Failures uint64
	// Took is how long the last save took that succeeded, and Held for how long
	// of that writes waited.
	Took, Held time.Duration
	// Bytes is the size of the file.
	Bytes int64
	// Unsaved is since when there are changes that are not saved; zero if there
	// are none.
	Unsaved time.Time
}

// OpenData starts an embedded store with what a file holds, and keeps it there
// from then on. A file that does not exist is made, with permission for its
// owner only; one that cannot be read whole is an error that says what to do,
// and is left as it is. So is one that another server has open.
//
// The Store is closed first, and then the Data, which saves what is left to
// save.
func OpenData(path string, o Options, log *zap.Logger) (*Store, *Data, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, nil, err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, nil, err
	}
	d := &Data{path: path, lock: lock, log: log, stop: make(chan struct{}), ended: make(chan struct{})}
	s, err := d.open(o)
	if err != nil {
		lock.release()
		return nil, nil, err
	}
	go d.run()
	return s, d, nil
}

func (d *Data) open(o Options) (*Store, error) {
	g, err := newGate()
	if err != nil {
		return nil, err
	}
	d.gate = g
	found, err := d.load()
	if err == nil && !found {
		err = d.save()
	}
	if err != nil {
		g.redis.Close()
		return nil, err
	}
	return g.open(o)
}

// OperatorKeyHash is the SHA-256 of the operator's key that was made for this
// store; ok is false if there is none.
func (d *Data) OperatorKeyHash() (hash [sha256.Size]byte, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.operator == nil {
		return hash, false
	}
	return *d.operator, true
}

// KeepOperatorKeyHash keeps the SHA-256 of an operator's key with the store,
// and saves at once.
func (d *Data) KeepOperatorKeyHash(hash [sha256.Size]byte) { d.keep(&hash) }

// ForgetOperatorKeyHash removes what KeepOperatorKeyHash has kept.
func (d *Data) ForgetOperatorKeyHash() { d.keep(nil) }

func (d *Data) keep(hash *[sha256.Size]byte) {
	d.mu.Lock()
	d.operator = hash
	d.mu.Unlock()
	d.gate.touch()
	_ = d.save() // it is logged, and tried again
}

// Stats says how saving goes.
func (d *Data) Stats() DataStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Close saves what is not saved, and lets others open the file. If it fails,
// the file is as the last save left it.
func (d *Data) Close() error {
	close(d.stop)
	<-d.ended
	defer d.lock.release()
	if !d.unsaved() {
		return nil
	}
	if err := d.save(); err != nil {
		return fmt.Errorf("what changed since %s is lost: %w", d.Stats().Unsaved.Format(time.RFC3339), err)
	}
	return nil
}

// load restores what the file holds; found is false if there is no file.
func (d *Data) load() (found bool, err error) {
	operator, err := loadFile(d.path, d.gate.restore)
	switch {
	case errors.Is(err, errNoFile):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s cannot be used: %w; it is left as it is. Put a copy of a whole one in its place, or move it away to start with an empty store", d.path, err)
	}
	d.operator = operator
	return true, nil
}
