package floor_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/bench"
	"github.com/actormq/actormq/testkit/bench/floor"
)

func TestItAnswersEveryKindOfSend(t *testing.T) {
	for name, set := range map[string]func(*bench.Options){
		"sync":    func(*bench.Options) {},
		"binary":  func(o *bench.Options) { o.Binary = true },
		"batch":   func(o *bench.Options) { o.Mode = bench.Batch },
		"oneway":  func(o *bench.Options) { o.Mode = bench.Oneway },
		"large":   func(o *bench.Options) { o.Size = 600 << 10; o.Count = 50 },
		"callers": func(o *bench.Options) { o.Callers, o.Connections = 100, 10 },
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.Create(filepath.Join(t.TempDir(), "log"))
			require.NoError(t, err)
			defer file.Close()
			s, err := floor.Listen("127.0.0.1:0", file)
			require.NoError(t, err)
			o := bench.Defaults()
			o.Address, o.Duration, o.Count = s.Addr(), 0, 2000
			set(&o)
			o.Count -= o.Count % int64(max(1, map[bench.Mode]int{bench.Batch: o.Batch}[o.Mode]))
			report, err := bench.Run(t.Context(), o)
			require.NoError(t, err)
			require.NoError(t, s.Close())
			require.Equal(t, o.Count, report.Messages)
			require.Empty(t, report.Errors)
			info, err := file.Stat()
			require.NoError(t, err)
			if o.Mode != bench.Oneway { // whose last bytes may not have been read
				require.Greater(t, info.Size(), o.Count*int64(o.Size))
			}
		})
	}
}

func TestItClosesOnWhatIsNoRequest(t *testing.T) {
	s, err := floor.Listen("127.0.0.1:0", nil)
	require.NoError(t, err)
	defer s.Close()
	for _, b := range []string{"\xff\xff\xff\xff\x00\x00\x00\x00", "\x00\x00\x00\x08\x00\x00\x00\xff1234", "\x00\x00\x00\x08\x00\x00\x00\x04{}  "} {
		c, err := net.Dial("tcp", s.Addr())
		require.NoError(t, err)
		_, err = c.Write([]byte(b))
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.Error(t, err, "%q", b)
		c.Close()
	}
}
