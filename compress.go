package actormq

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/actormq/actormq/messages"
)

// maxInflated bounds a decompressed body, in bytes: it stops bombs, not messages.
const maxInflated = 256 << 20

// The compressions that a sysFlag names (RocketMQ: CompressionType).
const (
	compressedLZ4  = 1 << 8
	compressedZstd = 2 << 8
)

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
