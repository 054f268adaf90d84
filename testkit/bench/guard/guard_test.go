package guard

import (
	"flag"
	"fmt"
	"hash/crc32"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit"
	"github.com/actormq/actormq/testkit/bench"
	"github.com/actormq/actormq/testkit/bench/floor"
	"github.com/actormq/actormq/transport/remoting"
)

var guarding = flag.Bool("guard", false, "measure, and fail above a bound")

// TestBounds is `make bench-guard`.
func TestBounds(t *testing.T) {
	if !*guarding {
		t.Skip("without -guard")
	}
	debug.SetGCPercent(400) // as actormq has it
	for name, measure := range map[string]func(t *testing.T) (ratio, allocs float64, err error){
		"send":          sendPath,
		"pull":          pullPath,
		"decode JSON":   func(*testing.T) (float64, float64, error) { return decoding(messages.JSONHeader) },
		"decode binary": func(*testing.T) (float64, float64, error) { return decoding(messages.BinaryHeader) },
		"get":           getting,
		"dispatch":      dispatching,
	} {
		t.Run(name, func(t *testing.T) {
			limit, ok := bounds[name]
			require.True(t, ok)
			ratio, allocs, err := measure(t)
			require.NoError(t, err)
			t.Logf("%.2f × its unit (at most %.2f), %.2f allocations (at most %.2f)", ratio, limit.ratio, allocs, limit.allocs)
			require.LessOrEqual(t, ratio, limit.ratio, "CPU time, as a multiple of the unit's")
			require.LessOrEqual(t, allocs, limit.allocs, "allocations per operation")
		})
	}
}

// perTurn is the number of messages of one slice of an end-to-end measure.
const perTurn = 10_000

// sendPath is 64 callers' sends of 1 KiB to a broker, generator included, against
// the same to a floor.
func sendPath(t *testing.T) (float64, float64, error) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer file.Close()
	bare, err := floor.Listen("127.0.0.1:0", file)
	require.NoError(t, err)
	defer bare.Close()
	broker := testkit.StartBroker(t, testkit.WithDir(t.TempDir()))
	load := func(set func(o *bench.Options)) func() (cost, error) {
		return func() (cost, error) {
			o := bench.Defaults()
			o.Topic, o.Duration, o.Count = "guard", 0, perTurn
			set(&o)
			return process(func() error {
				_, err := bench.Run(t.Context(), o)
				return err
			})
		}
	}
	return compare(
		load(func(o *bench.Options) { o.Address = bare.Addr() }),
		load(func(o *bench.Options) { o.NameServers = []string{broker.NameServer()} }),
		perTurn, perTurn,
	)
}

// pullPath is catching up over a connection, reader included, against reading the
// same bytes from a file.
func pullPath(t *testing.T) (float64, float64, error) {
	broker := testkit.StartBroker(t, testkit.WithDir(t.TempDir()))
	o := bench.Defaults()
	o.NameServers, o.Topic, o.Duration, o.Count = []string{broker.NameServer()}, "guard", 0, 2*perTurn
	if _, err := bench.Run(t.Context(), o); err != nil {
		return 0, 0, err
	}
	o.Mode, o.Count = bench.CatchUp, 0
	read, err := reading(t, 32<<10)
	if err != nil {
		return 0, 0, err
	}
	const reads = 2 * perTurn / 32
	return compare(
		func() (cost, error) { return alone(reads, read) },
		func() (cost, error) {
			return process(func() error {
				_, err := bench.Run(t.Context(), o)
				return err
			})
		},
		reads*32, 2*perTurn,
	)
}

// reading returns a function that reads size bytes of a file.
func reading(t *testing.T, size int) (func(i int) error, error) {
	file, err := os.Create(filepath.Join(t.TempDir(), "bytes"))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { file.Close() })
	const length = 16 << 20
	if _, err := file.Write(make([]byte, length)); err != nil {
		return nil, err
	}
	buf := make([]byte, size)
	return func(i int) error {
		_, err := file.ReadAt(buf, int64(i*size%(length-size)))
		return err
	}, nil
}

// decoding is the decoding of a send's frame, against a copy and a checksum of it.
func decoding(encoding messages.HeaderEncoding) (float64, float64, error) {
	c := &messages.Command{Code: int32(messages.CodeSendMessageV2), Encoding: encoding, Version: 513, Opaque: 1234567, Body: make([]byte, 1024)}
	for _, f := range [][2]string{
		{"a", "guard"}, {"b", "guard"}, {"c", "TBW102"}, {"d", "4"}, {"e", "3"}, {"f", "0"}, {"g", "1700000000000"}, {"h", "0"},
		{"i", "KEYS\x01key-17\x02UNIQ_KEY\x017F0000010C3A18B4AAC2574D6E1F0000\x02WAIT\x01true\x02TAGS\x01TagA\x02"},
		{"j", "0"}, {"k", "false"}, {"m", "false"}, {"n", "broker-a"},
	} {
		c.Ext.Set(f[0], f[1])
	}
	frame := remoting.AppendFrame(nil, c)[4:]
	scratch := make([]byte, len(frame))
	var decoded messages.Command
	var sum uint32
	const n = 20_000
	return compare(
		func() (cost, error) {
			return alone(n, func(int) error {
				copy(scratch, frame)
				sum += crc32.ChecksumIEEE(scratch)
				return nil
			})
		},
		func() (cost, error) {
			return alone(n, func(int) error {
				copy(scratch, frame) // Decode unescapes in place
				return remoting.Decode(scratch, &decoded)
			})
		},
		n, n,
	)
}

// stored opens a store with messages of 1 KiB in one queue, and returns what each
// is dispatched by.
func stored(t *testing.T, n int) (*storage.Store, []messages.DispatchRequest) {
	s, err := storage.Open(storage.Options{
		FS: vfs.OS(), Root: t.TempDir(), SegmentSize: 64 << 20, InMemoryBytes: math.MaxInt64, Now: time.Now,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	var requests []messages.DispatchRequest
	for i := range n {
		r := record.Record{Topic: []byte("guard"), BornHost: host, StoreHost: host, Body: make([]byte, 1024), QueueOffset: int64(i)}
		raw := r.Append(nil)
		phys, err := s.Log.Reserve(len(raw))
		require.NoError(t, err)
		record.Place(raw, phys, int64(i), 1)
		s.Log.Put(raw)
		require.NoError(t, s.Log.Commit(1))
		requests = append(requests, messages.DispatchRequest{Topic: "guard", Phys: phys, Size: int32(len(raw)), QueueOffset: int64(i), StoreTime: 1})
	}
	return s, requests
}

// getting is the reading of 32 messages, against that of as many bytes.
func getting(t *testing.T) (float64, float64, error) {
	const messagesPerGet, n = 32, 8192
	s, requests := stored(t, n)
	for i := range requests {
		require.NoError(t, s.Dispatch(&requests[i]))
	}
	read, err := reading(t, messagesPerGet*int(requests[0].Size))
	require.NoError(t, err)
	buf := make([]byte, 0, 512<<10)
	const gets = 1000
	return compare(
		func() (cost, error) { return alone(gets, read) },
		func() (cost, error) {
			return alone(gets, func(i int) error {
				at := int64(i * messagesPerGet % n)
				if got := s.Get("guard", 0, at, messagesPerGet, nil, buf); got.Count != messagesPerGet {
					return fmt.Errorf("%d of %d messages at %d: %v", got.Count, messagesPerGet, at, got.Status)
				}
				return nil
			})
		},
		gets, gets,
	)
}

// dispatching is the adding of one message to its queue, against a checksum of it.
func dispatching(t *testing.T) (float64, float64, error) {
	s, requests := stored(t, 1)
	next, raw := int64(0), make([]byte, requests[0].Size)
	var sum uint32
	const n = 20_000
	return compare(
		func() (cost, error) {
			return alone(n, func(int) error {
				sum += crc32.ChecksumIEEE(raw)
				return nil
			})
		},
		func() (cost, error) {
			c, err := alone(n, func(int) error {
				r := requests[0]
				r.QueueOffset = next
				next++
				return s.Dispatch(&r)
			})
			if err == nil {
				_, err = s.WriteQueues()
			}
			return c, err
		},
		n, n,
	)
}

// A path that is slower, or allocates, is found: the bounds mean something.
func TestCompareTellsSlowerWork(t *testing.T) {
	buf, kept := make([]byte, 4096), [][]byte(nil)
	sum := uint32(0)
	work := func(times int) func() (cost, error) {
		return func() (cost, error) {
			return alone(500, func(int) error {
				for range times {
					sum += crc32.ChecksumIEEE(buf)
				}
				return nil
			})
		}
	}
	ratio, allocs, err := compare(work(1), work(3), 500, 500)
	require.NoError(t, err)
	require.InDelta(t, 3, ratio, 0.9)
	require.Less(t, allocs, 0.1)
	_, allocs, err = compare(work(1), func() (cost, error) {
		return alone(100, func(int) error {
			kept = append(kept, make([]byte, 100))
			return nil
		})
	}, 500, 100)
	require.NoError(t, err)
	require.GreaterOrEqual(t, allocs, 1.0)
	require.NotEmpty(t, kept)
}
