package store

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

// A save begins at once after a change, but not sooner than savePause after
// the last one, and not sooner than that one took: at most half of the time
// goes into saving. retryPause is the pause after one that failed.
const (
	savePause  = 200 * time.Millisecond
	retryPause = time.Second
)

// slowSave is how long a save may take with a crash losing at most a second: a
// change that just missed a save waits for it, for the pause and for the next.
const slowSave = time.Second / 3

// run saves, until Close.
func (d *Data) run() {
	defer close(d.ended)
	for d.await() && d.pause() {
		if d.unsaved() {
			_ = d.save() // it is logged, and tried again
		}
	}
}

// await waits for a change; it is false at the end. After a save that failed
// there is nothing to wait for.
func (d *Data) await() bool {
	if !d.Stats().Unsaved.IsZero() {
		return true
	}
	select {
	case <-d.stop:
		return false
	case <-d.gate.changed:
		d.since(time.Now())
		return true
	}
}

// pause waits until the next save may begin; it is false at the end.
func (d *Data) pause() bool {
	d.mu.Lock()
	wait := time.Until(d.next)
	d.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-d.stop:
		return false
	case <-timer.C:
		return true
	}
}

// unsaved reports whether there may have been a change since the last save.
func (d *Data) unsaved() bool {
	changes := d.gate.count()
	d.mu.Lock()
	defer d.mu.Unlock()
	if changes != d.saved {
		return true
	}
	d.stats.Unsaved = time.Time{} // a save has overtaken the change that was noticed
	return false
}

// since notes when the first change was that is not saved.
func (d *Data) since(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stats.Unsaved.IsZero() {
		d.stats.Unsaved = t
	}
}

// save copies the store and replaces the file.
func (d *Data) save() error {
	d.saving.Lock()
	defer d.saving.Unlock()
	start := time.Now()
	all, changes, err := d.gate.copy()
	held := time.Since(start)
	var size int64
	if err == nil {
		hash, ok := d.OperatorKeyHash()
		operator := &hash
		if !ok {
			operator = nil
		}
		size, err = replace(d.path, operator, all)
	}
	if err != nil {
		d.failed(start, err)
		return fmt.Errorf("%s cannot be written: %w", d.path, err)
	}
	d.done(changes, start, held, size)
	return nil
}

// failed notes a save that failed.
func (d *Data) failed(start time.Time, err error) {
	d.since(start)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Failures++
	d.failing = true
	d.next = time.Now().Add(retryPause)
	d.log.Error("the data cannot be saved; until it can be, a crash loses what changed since the last save",
		zap.String("file", d.path), zap.Time("unsaved_since", d.stats.Unsaved), zap.Error(err))
}

// done notes a save that succeeded.
func (d *Data) done(changes uint64, start time.Time, held time.Duration, size int64) {
	took := time.Since(start)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing {
		d.failing = false
		d.log.Info("the data is saved again", zap.String("file", d.path))
	}
	d.stats.Saves++
	d.stats.Took, d.stats.Held, d.stats.Bytes = took, held, size
	d.saved, d.stats.Unsaved = changes, time.Time{}
	d.next = start.Add(took + max(savePause, took))
	if took > slowSave && took > 2*d.warned {
		d.warned = took
		d.log.Warn("saving takes long: a crash may lose up to three times as much as one save takes, and not only a second",
			zap.String("file", d.path), zap.Duration("took", took), zap.Int64("bytes", size))
	}
}
