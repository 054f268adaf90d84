package actormq

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/actormq/actormq/messages"
)

// Compression is a way to compress bodies. Consumers tell it from the message.
type Compression int

const (
	// Zlib is understood by every client.
	Zlib Compression = iota
	// LZ4 is the fastest; clients understand it from 5.0 on.
	LZ4
	// Zstd is the densest; clients understand it from 5.0 on.
	Zstd
)

func (c Compression) String() string {
	switch c {
	case Zlib:
		return "zlib"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("Compression(%d)", int(c))
}

func (c Compression) validate() error {
	if c < Zlib || c > Zstd {
		return fmt.Errorf("actormq: there is no %v", c)
	}
	return nil
}

// maxInflated bounds a decompressed body, in bytes: it stops bombs, not messages.
const maxInflated = 256 << 20

// The compressions that a sysFlag names (RocketMQ: CompressionType).
const (
	compressedLZ4  = 1 << 8
	compressedZstd = 2 << 8
	compressedZlib = 3 << 8
)

// compressors are writers that are used again: making one costs more than a body.
var compressors = [...]sync.Pool{
	Zlib: {New: func() any {
		w, _ := zlib.NewWriterLevel(nil, zlibLevel) // the level is in range
		return w
	}},
	LZ4: {New: func() any {
		w := lz4.NewWriter(nil)
		_ = w.Apply(lz4.BlockSizeOption(lz4.Block256Kb)) // the default holds 4 MiB; the option is in range
		return w
	}},
	Zstd: {New: func() any {
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)) // the options are in range
		return w
	}},
}

// zlibLevel is Java's default (MixAll: rocketmq.message.compressLevel).
const zlibLevel = 5

// compressor is what the writers of all three have in common.
type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

// compress returns the body to send and the bits of the sysFlag that say how it
// is compressed: body itself and 0 if it would not get smaller.
func compress(how Compression, body []byte) ([]byte, int32) {
	var dense bytes.Buffer
	dense.Grow(len(body)/2 + 64)
	w := compressors[how].Get().(compressor)
	defer compressors[how].Put(w)
	w.Reset(&dense)
	if _, err := w.Write(body); err != nil {
		return body, 0 // cannot happen: a Buffer takes all
	}
	if err := w.Close(); err != nil || dense.Len() >= len(body) {
		return body, 0
	}
	return dense.Bytes(), messages.SysFlagCompressed | [...]int32{Zlib: compressedZlib, LZ4: compressedLZ4, Zstd: compressedZstd}[how]
}

// decompress returns a copy of a body, decompressed if its sysFlag says that it
// is compressed. Producers do that to large bodies; brokers do not care.
func decompress(body []byte, sysFlag int32) ([]byte, error) {
	if sysFlag&messages.SysFlagCompressed == 0 {
		return bytes.Clone(body), nil
	}
	var from io.Reader
	switch sysFlag & messages.SysFlagCompressionMask {
	case compressedLZ4:
		from = lz4.NewReader(bytes.NewReader(body))
	case compressedZstd:
		decoder, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxInflated))
		if err != nil {
			return nil, fmt.Errorf("actormq: zstd body: %w", err)
		}
		defer decoder.Close()
		from = decoder
	default: // also 0, which is what clients wrote before there was a choice
		decoder, err := zlib.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("actormq: zlib body: %w", err)
		}
		defer decoder.Close()
		from = decoder
	}
	inflated, err := io.ReadAll(io.LimitReader(from, maxInflated+1))
	if err != nil {
		return nil, fmt.Errorf("actormq: compressed body: %w", err)
	}
	if len(inflated) > maxInflated {
		return nil, fmt.Errorf("actormq: a compressed body of more than %d bytes", maxInflated)
	}
	return inflated, nil
}
