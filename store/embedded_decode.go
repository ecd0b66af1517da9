package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/alicebob/miniredis/v2"
)

// What can be wrong with a file. Whatever the file, no more is allocated than
// a small multiple of its size.
var (
	errNotData   = errors.New("it is not a file of this program, or its beginning is damaged")
	errVersion   = errors.New("it was written in another format, by another version of this program")
	errTruncated = errors.New("it is truncated")
	errDamaged   = errors.New("it is damaged")
	errChecksum  = fmt.Errorf("%w: its checksum is wrong", errDamaged)
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// decoder reads a file.
type decoder struct {
	in      *bufio.Reader
	sum     hash.Hash
	left    uint64 // bytes before the checksum
	records uint64 // read so far
	last    string // key, of
	kind    kind   // this kind; 0 before the first
}

// decodeData reads a file of a size, and hands over each key, or part of it.
// Only if it returns no error is what it handed over all, and as it was saved.
func decodeData(r io.Reader, size int64, take func(*entry) error) (operator *[sha256.Size]byte, err error) {
	d := &decoder{in: bufio.NewReaderSize(r, recordBytes), sum: sha256.New()}
	if err := d.header(size); err != nil {
		return nil, err
	}
	for {
		body, err := d.record()
		if err != nil {
			return nil, err
		}
		switch body[0] {
		case recordEnd:
			return operator, d.end(body[1:])
		case recordOperator:
			if len(body) != 1+sha256.Size || d.records != 0 {
				return nil, damaged("an operator's key is not where it should be")
			}
			operator = (*[sha256.Size]byte)(bytes.Clone(body[1:]))
		default:
			err = d.entry(body, take)
		}
		if err != nil {
			return nil, err
		}
		d.records++
	}
}

// header reads the beginning.
func (d *decoder) header(size int64) error {
	name := dataHeader[:strings.LastIndexByte(dataHeader, ' ')+1]
	start, err := d.in.Peek(int(min(size, int64(len(dataHeader)))))
	switch {
	case err != nil:
		return unexpected(err)
	case len(start) == 0:
		return fmt.Errorf("%w: it is empty", errTruncated)
	case !strings.HasPrefix(string(start), name) && !strings.HasPrefix(name, string(start)):
		return errNotData
	case len(start) < len(dataHeader):
		return errTruncated
	case string(start) != dataHeader:
		return errVersion
	case size < int64(len(dataHeader)+sha256.Size):
		return errTruncated
	}
	d.left = uint64(size - sha256.Size)
	_, err = d.bytes(uint64(len(dataHeader)))
	return err
}

// bytes reads n bytes, of which there must be as many before the checksum.
func (d *decoder) bytes(n uint64) ([]byte, error) {
	if n > d.left {
		return nil, errTruncated
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.in, b); err != nil {
		return nil, unexpected(err)
	}
	d.left -= n
	d.sum.Write(b)
	return b, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return err
}

// record reads a record, which is not empty.
func (d *decoder) record() ([]byte, error) {
	prefix, err := d.in.Peek(int(min(d.left, binary.MaxVarintLen64)))
	if err != nil {
		return nil, unexpected(err)
	}
	n, width := binary.Uvarint(prefix)
	switch {
	case width == 0:
		return nil, errTruncated
	case width < 0:
		return nil, damaged("a record is too long")
	}
	if _, err := d.bytes(uint64(width)); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, damaged("a record is empty")
	}
	return d.bytes(n)
}

// end reads what the last record says, and the checksum.
func (d *decoder) end(body []byte) error {
	p := parts{rest: body}
	if n := p.number(); p.bad || len(p.rest) > 0 || n != d.records {
		return damaged("it does not have as many records as it says")
	}
	if d.left != 0 {
		return damaged("it goes on after its end")
	}
	sum := make([]byte, sha256.Size)
	if _, err := io.ReadFull(d.in, sum); err != nil {
		return unexpected(err)
	}
	if !bytes.Equal(sum, d.sum.Sum(nil)) {
		return errChecksum
	}
	return nil
}

// entry reads a key, or a part of it.
func (d *decoder) entry(body []byte, take func(*entry) error) error {
	p := parts{rest: body[1:]}
	e := &entry{kind: kind(body[0]), expires: int64(p.number()), key: p.text()}
	if e.kind != kindStream && e.kind.width() == 0 {
		return damaged("a record of the unknown kind %q", body[0])
	}
	for first := true; !p.bad && (first || len(p.rest) > 0); first = false {
		p.thing(e)
	}
	follows := e.key > d.last || d.kind == 0
	continues := e.key == d.last && e.kind == d.kind && e.kind != kindString
	if p.bad || e.expires < 0 || !follows && !continues || e.kind == kindString && len(e.parts) != 1 {
		return damaged("the record of the key %.100q", e.key)
	}
	d.last, d.kind = e.key, e.kind
	if err := take(e); err != nil {
		return damaged("the key %.100q: %v", e.key, err)
	}
	return nil
}

// parts reads numbers and texts; bad is whether there was one that was not
// whole.
type parts struct {
	rest []byte
	bad  bool
}

func (p *parts) number() uint64 {
	n, width := binary.Uvarint(p.rest)
	if width <= 0 {
		p.bad, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[width:]
	return n
}

func (p *parts) text() string {
	n := p.number()
	if n > uint64(len(p.rest)) {
		p.bad, p.rest = true, nil
		return ""
	}
	s := string(p.rest[:n])
	p.rest = p.rest[n:]
	return s
}

// thing reads one thing in a key.
func (p *parts) thing(e *entry) {
	if e.kind != kindStream {
		for range e.kind.width() {
			e.parts = append(e.parts, p.text())
		}
		return
	}
	n := p.number()
	if n%2 == 0 || n > uint64(len(p.rest)) { // a part has at least its length
		p.bad = true
		return
	}
	s := miniredis.StreamEntry{ID: p.text()}
	for range n - 1 {
		s.Values = append(s.Values, p.text())
	}
	e.stream = append(e.stream, s)
}
