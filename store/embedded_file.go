package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errNoFile says that there is no file yet.
var errNoFile = errors.New("there is no file")

// resolve follows symbolic links, so that a save replaces the file and not a
// link to it, and so that a file has one lock whatever it is called by.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the directory %s does not exist: make it first", filepath.Dir(path))
	}
	return filepath.Join(dir, filepath.Base(path)), err
}

// loadFile reads a file, and hands over what it holds. It returns errNoFile if
// there is none.
func loadFile(path string, take func(*entry) error) (operator *[sha256.Size]byte, err error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoFile
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	return decodeData(f, info.Size(), take)
}

// replace writes a file beside another and puts it in its place, and returns
// its size. If it fails, the other is still there, or the new one is already.
func replace(path string, operator *[sha256.Size]byte, all []entry) (size int64, err error) {
	temporary := path + ".tmp" // of one name: what a crash leaves is replaced by the next save
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	size, err = write(temporary, operator, all)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary) // to give a full disk its room back
		return 0, err
	}
	return size, syncDir(filepath.Dir(path))
}

// write writes a new file, to the disk itself.
func write(path string, operator *[sha256.Size]byte, all []entry) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return 0, err
	}
	err = encodeData(f, operator, all)
	if err == nil {
		err = f.Sync()
	}
	info, statErr := f.Stat()
	if err = errors.Join(err, statErr, f.Close()); err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// syncDir makes sure that a rename in a directory survives a crash.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
