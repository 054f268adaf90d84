package checkpoint_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/storage/checkpoint"
	"github.com/actormq/actormq/storage/vfs"
)

// golden is the checkpoint of a broker of Apache RocketMQ 5.5.0.
const golden = "../testdata/apache-5.5.0/checkpoint"

func TestDecodeReadsWhatApacheWrote(t *testing.T) {
	b, err := os.ReadFile(golden)
	require.NoError(t, err)
	c := checkpoint.Decode(b)
	require.Equal(t, checkpoint.Checkpoint{
		CommitLogTime: 1795447226602, ConsumeQueueTime: 1795447176907, ConfirmOffset: 31820, ConsumeQueueOffset: 31820,
	}, c)
	require.EqualValues(t, 1795447176907-3000, c.MinTime())
	require.Equal(t, b, c.Append(nil))
}

func TestSaveAndLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := vfs.NewMem(nil)
		field := rapid.Int64Min(0)
		for range rapid.IntRange(1, 3).Draw(t, "saves") {
			want := checkpoint.Checkpoint{
				CommitLogTime: field.Draw(t, "1"), ConsumeQueueTime: field.Draw(t, "2"), IndexTime: field.Draw(t, "3"),
				MasterFlushedOffset: field.Draw(t, "4"), ConfirmOffset: field.Draw(t, "5"), ConsumeQueueOffset: field.Draw(t, "6"),
			}
			require.NoError(t, checkpoint.Save(mem, "/checkpoint", &want))
			got, err := checkpoint.Load(mem, "/checkpoint")
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		entry, err := mem.Stat("/checkpoint")
		require.NoError(t, err)
		require.EqualValues(t, checkpoint.Size, entry.Size)
	})
}

func TestNothingIsKnownWithoutAFile(t *testing.T) {
	c, err := checkpoint.Load(vfs.NewMem(nil), "/checkpoint")
	require.NoError(t, err)
	require.Zero(t, c)
	require.Zero(t, c.MinTime())
}

// A file of an older broker is shorter in meaning, a damaged one may hold anything:
// too little costs time only, negative values count as unknown.
func FuzzDecode(f *testing.F) {
	b, err := os.ReadFile(golden)
	require.NoError(f, err)
	f.Add(b[:64])
	f.Add([]byte(nil))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := checkpoint.Decode(b)
		require.GreaterOrEqual(t, c.MinTime(), int64(0))
		require.GreaterOrEqual(t, c.ConsumeQueueOffset, int64(0))
		encoded := c.Append(nil)
		require.Len(t, encoded, checkpoint.Size)
		require.Equal(t, c, checkpoint.Decode(encoded))
	})
}
