package reput

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/vfs"
)

const segment = 4 << 10

func openStore(t testing.TB) *storage.Store {
	s, err := storage.Open(storage.Options{FS: vfs.NewMem(nil), Root: "/store", SegmentSize: segment, Now: time.Now})
	require.NoError(t, err)
	return s
}

// recordAt is an encoded record of a topic at an offset.
func recordAt(phys int64, body string) []byte {
	r := record.Record{Topic: []byte("t"), Body: []byte(body), PhysOffset: phys, QueueOffset: phys}
	return r.Append(nil)
}

// found reads all that can be read now, as places of records and the end.
func found(t testing.TB, r *reput) (places []int64, err error) {
	for {
		a, err := r.read()
		if a == nil {
			return places, err
		}
		for i := range a.Records {
			d := &a.Records[i].DispatchRequest
			require.Less(t, d.Phys, a.End)
			require.Equal(t, int(d.Phys-a.Records[0].Phys), a.Records[i].At-a.Records[0].At)
			places = append(places, d.Phys)
		}
		a.Release()
	}
}

// Records are found once each, whole, in whatever pieces the log comes.
func TestRecordsAreFoundAsTheyBecomeWhole(t *testing.T) {
	var log []byte
	var want []int64
	for _, size := range []int{10, 500, 1, 2000, 900, 3000, 7} {
		b := recordAt(0, string(bytes.Repeat([]byte{'x'}, size)))
		if free := segment - len(log)%segment; free < len(b)+record.BlankSize {
			log = append(log, byte(free>>24), byte(free>>16), byte(free>>8), byte(free), 0xcb, 0xd4, 0x31, 0x94)
			log = append(log, make([]byte, free-record.BlankSize)...)
		}
		want = append(want, int64(len(log)))
		log = append(log, recordAt(int64(len(log)), string(bytes.Repeat([]byte{'x'}, size)))...)
	}
	for piece := 1; piece < 3000; piece = piece*2 + 1 {
		s := openStore(t)
		r := &reput{Options: Options{Store: s, View: new(View)}, topics: make(map[string]string)}
		var got []int64
		for at := 0; at < len(log); at += piece {
			require.NoError(t, s.Log.AppendRaw(int64(at), log[at:min(at+piece, len(log))]))
			some, err := found(t, r)
			require.NoError(t, err)
			got = append(got, some...)
		}
		require.Equal(t, want, got, "pieces of %d", piece)
		require.EqualValues(t, len(log), r.View.Through())
	}
}

// No bytes that a master can send make Reput panic, or find a record that says to
// be elsewhere.
func FuzzReput(f *testing.F) {
	f.Add(append(recordAt(0, "a"), recordAt(int64(len(recordAt(0, "a"))), "b")...), uint16(10))
	f.Add(recordAt(7, "elsewhere"), uint16(3))
	f.Add([]byte{0, 0, 16, 0, 0xcb, 0xd4, 0x31, 0x94}, uint16(1))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xda, 0xa3, 0x20, 0xa7, 0}, uint16(1))
	f.Fuzz(func(t *testing.T, log []byte, piece uint16) {
		s := openStore(t)
		r := &reput{Options: Options{Store: s, View: new(View)}, topics: make(map[string]string)}
		last := int64(-1)
		for at := 0; at < len(log); {
			n := min(int(piece)+1, len(log)-at)
			require.NoError(t, s.Log.AppendRaw(int64(at), log[at:at+n]))
			at += n
			places, err := found(t, r)
			for _, phys := range places {
				require.Greater(t, phys, last)
				last = phys
			}
			if err != nil {
				require.True(t, storage.Lost(err), "%v", err)
			}
		}
	})
}
