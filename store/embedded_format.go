package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
)

// The file of an embedded store is
//
//	header    "tollgate data 1\n"; 1 is the version of all that follows
//	records   each a length and as many bytes
//	checksum  the SHA-256 of everything before it, 32 bytes
//
// and nothing after it. Numbers are unsigned varints, as in encoding/binary,
// and a text is its length and its bytes. A record begins with one byte that
// says what it is:
//
//	o  32 bytes, the SHA-256 of the operator's key that was made for this
//	   store. At most one, and the first if there is one.
//	s l e h z x
//	   a key, or a part of it (see kind): when it expires, in milliseconds since
//	   1970 or 0 for never; its name, a text; and the parts of each thing in it,
//	   texts. In an x, a stream, the number of its parts stands before each
//	   thing. A large key takes several records in a row, of which no thing is
//	   split. Keys are in the order of their bytes.
//	.  the end: the number of records before it.
//
// What is not kept: a stream without entries, groups of consumers, and times at
// which single fields of a hash expire. Nothing in this package makes them.
const dataHeader = "tollgate data 1\n"

const (
	recordOperator = 'o'
	recordEnd      = '.'
)

// recordBytes is about how many bytes a record has at most, unless one thing
// in it has more.
const recordBytes = 64 << 10

// encoder writes a file.
type encoder struct {
	out     *bufio.Writer
	sum     hash.Hash
	body    []byte // of the record that is being written
	records uint64
}

// encodeData writes a file, and gives up each entry once it is written. The
// operator's hash is nil if there is none.
func encodeData(w io.Writer, operator *[sha256.Size]byte, all []entry) error {
	e := &encoder{sum: sha256.New()}
	e.out = bufio.NewWriterSize(io.MultiWriter(w, e.sum), recordBytes)
	_, _ = e.out.WriteString(dataHeader) // the writer keeps its first error until it is flushed
	if operator != nil {
		e.body = append(append(e.body, recordOperator), operator[:]...)
		e.flush()
	}
	for i := range all {
		if err := e.entry(&all[i]); err != nil {
			return err
		}
		all[i] = entry{}
	}
	e.body = binary.AppendUvarint(append(e.body, recordEnd), e.records)
	e.flush()
	if err := e.out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(e.sum.Sum(nil))
	return err
}

// flush ends a record.
func (e *encoder) flush() {
	_, _ = e.out.Write(binary.AppendUvarint(nil, uint64(len(e.body))))
	_, _ = e.out.Write(e.body)
	e.body = e.body[:0]
	e.records++
}

// entry writes the records of a key. It fails if an earlier write has.
func (e *encoder) entry(of *entry) error {
	begin := func() {
		e.body = append(e.body, byte(of.kind))
		e.body = binary.AppendUvarint(e.body, uint64(of.expires))
		e.text(of.key)
	}
	of.each(func(parts []string) bool {
		if len(e.body) == 0 {
			begin()
		}
		if of.kind == kindStream {
			e.body = binary.AppendUvarint(e.body, uint64(len(parts)))
		}
		for _, part := range parts {
			e.text(part)
		}
		if len(e.body) >= recordBytes {
			e.flush()
		}
		return true
	})
	if len(e.body) > 0 {
		e.flush()
	}
	_, err := e.out.Write(nil)
	return err
}

func (e *encoder) text(s string) {
	e.body = append(binary.AppendUvarint(e.body, uint64(len(s))), s...)
}
