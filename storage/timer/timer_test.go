package timer

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/storage/vfs"
)

const base = int64(1_700_000_000_000)

func newMem() *vfs.Mem { return vfs.NewMem(func() time.Time { return time.UnixMilli(base) }) }

// small are options with files of ten units each, and a small wheel.
func small(fsys vfs.FS) Options {
	return Options{FS: fsys, Root: "/store", FileSize: 10*UnitSize + blankSize + 7, Precision: 1000, Span: 640, Intact: func(*Unit) bool { return true }}
}

func open(t require.TestingT, o Options) *Store {
	s, err := Open(o)
	require.NoError(t, err)
	return s
}

// unit is due so many seconds after base; its message is named by phys.
func unit(seconds, phys int64) Unit {
	return Unit{Magic: MagicDefault, WriteTime: base, Delay: int32(seconds * 1000), Phys: phys, Size: 100, TopicHash: 7}
}

// due returns the messages of a slot, the last first.
func due(t require.TestingT, s *Store, seconds int64) (all []int64) {
	require.NoError(t, s.Units(base+seconds*1000, func(u *Unit) bool {
		all = append(all, u.Phys)
		return true
	}))
	return all
}

func save(t require.TestingT, s *Store, c Checkpoint) {
	sync, err := s.Save(c)
	require.NoError(t, err)
	require.NoError(t, sync())
}

// A unit has the bytes of Apache's, but for the checksum.
func TestAUnitIsLaidOutAsApaches(t *testing.T) {
	u := Unit{Prev: None, Magic: MagicDefault | MagicRoll, WriteTime: 2, Delay: 3, Phys: 4, Size: 5, TopicHash: -6}
	b := u.Append(nil)
	want := []byte{
		0, 0, 0, 52,
		255, 255, 255, 255, 255, 255, 255, 255,
		0, 0, 0, 3,
		0, 0, 0, 0, 0, 0, 0, 2,
		0, 0, 0, 3,
		0, 0, 0, 0, 0, 0, 0, 4,
		0, 0, 0, 5,
		255, 255, 255, 250,
	}
	require.Equal(t, want, b[:sumOffset])
	require.Len(t, b, UnitSize)
	got, p := parse(b)
	require.Equal(t, correct, p)
	require.Equal(t, u, got)
	clear(b[sumOffset:])
	got, p = parse(b)
	require.Equal(t, unsure, p)
	require.Equal(t, u, got)
}

func TestATornUnitIsNone(t *testing.T) {
	u := unit(5, 4711)
	whole := u.Append(nil)
	for n := range whole {
		b := append(bytes.Clone(whole[:n]), make([]byte, UnitSize-n)...)
		_, p := parse(b)
		require.NotEqual(t, correct, p, "cut at %d", n)
	}
}

func TestSlotsAreChained(t *testing.T) {
	s := open(t, small(newMem()))
	for i := range int64(35) { // over several files
		require.NoError(t, s.Add(unit(10+i%3, i)))
	}
	require.Equal(t, []int64{33, 30, 27, 24, 21, 18, 15, 12, 9, 6, 3, 0}, due(t, s, 10))
	require.Len(t, due(t, s, 11), 12)
	require.Empty(t, due(t, s, 13))
	slot, ok := s.Wheel.Get(base + 10_000)
	require.True(t, ok)
	require.EqualValues(t, 12, slot.Num)
	next, ok := s.Wheel.Next(base, base+100_000)
	require.True(t, ok)
	require.Equal(t, base+10_000, next)
	_, ok = s.Wheel.Next(base+13_000, base+100_000)
	require.False(t, ok)
	s.Wheel.Forget(base + 13_000)
	require.True(t, s.Wheel.Empty(), "no slot is to come")
}

func TestWhatIsSavedIsThereAfterAPowerLoss(t *testing.T) {
	fsys := newMem()
	s := open(t, small(fsys))
	for i := range int64(25) {
		require.NoError(t, s.Add(unit(10+i, i)))
	}
	save(t, s, Checkpoint{ReadTime: base + 12_000, QueueOffset: 25})
	require.NoError(t, s.Add(unit(100, 100)))
	require.NoError(t, s.Flush())
	fsys.Crash(func(int) int { return 0 })

	s = open(t, small(fsys))
	require.Equal(t, int64(25), s.Checkpoint().QueueOffset)
	for i := int64(2); i < 25; i++ {
		require.Equal(t, []int64{i}, due(t, s, 10+i))
	}
	require.Empty(t, due(t, s, 100))
	last, ok := s.LastUnit()
	require.True(t, ok)
	require.Equal(t, int64(24), last.Phys)
	require.NoError(t, s.Add(unit(100, 101)))
	require.Equal(t, []int64{101}, due(t, s, 100))
}

// Whatever a crash leaves, the store is a prefix of what was added, no shorter than
// what was saved.
func TestACrashLeavesAPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fsys := newMem()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		s := open(t, small(fsys))
		added, saved := int64(0), int64(0)
		seconds := make([]int64, 0, 300) // of each unit
		for range rapid.IntRange(1, 6).Draw(t, "lives") {
			for range random.IntN(60) {
				switch random.IntN(12) {
				case 0:
					save(t, s, Checkpoint{ReadTime: base, QueueOffset: added})
					saved = added
				case 1:
					require.NoError(t, s.Flush())
				default:
					second := random.Int64N(300)
					require.NoError(t, s.Add(unit(second, added)))
					seconds = append(seconds, second)
					added++
				}
			}
			if random.IntN(3) == 0 {
				fsys.CrashProcess()
			} else {
				fsys.Crash(random.IntN)
			}
			s = open(t, small(fsys))
			var found []int64
			for second := range int64(300) {
				of := due(t, s, second)
				for _, phys := range of {
					require.Equal(t, second, seconds[phys])
				}
				require.True(t, slices.IsSortedFunc(of, func(a, b int64) int { return int(b - a) }))
				found = append(found, of...)
			}
			slices.Sort(found)
			require.GreaterOrEqual(t, int64(len(found)), saved)
			for i, phys := range found {
				require.EqualValues(t, i, phys, "a prefix, each once")
			}
			added = int64(len(found))
			seconds = seconds[:added]
			if last, ok := s.LastUnit(); added > 0 {
				require.True(t, ok)
				require.Equal(t, added-1, last.Phys)
			}
		}
	})
}

// Units without a checksum, as Apache writes them, count behind the checkpoint if
// their messages are there.
func TestUnitsOfApacheAreLookedAt(t *testing.T) {
	fsys := newMem()
	s := open(t, small(fsys))
	for i := range int64(5) {
		require.NoError(t, s.Add(unit(10+i, i)))
	}
	save(t, s, Checkpoint{ReadTime: base})
	f, err := fsys.Open("/store/timerlog/00000000000000000000")
	require.NoError(t, err)
	for i := range int64(5) {
		_, err = f.WriteAt(make([]byte, 8), i*UnitSize+sumOffset)
		require.NoError(t, err)
	}
	require.NoError(t, SaveCheckpoint(fsys, "/store/config/timercheck", &Checkpoint{ReadTime: base, LogFlushed: 2 * UnitSize}))
	require.NoError(t, fsys.Remove("/store/timerwheel"))
	o := small(fsys)
	var asked []int64
	o.Intact = func(u *Unit) bool {
		asked = append(asked, u.Phys)
		return u.Phys < 4
	}
	s = open(t, o)
	require.Equal(t, []int64{2, 3, 4}, asked)
	require.Equal(t, int64(4*UnitSize), s.Log.End())
	require.Equal(t, []int64{3}, due(t, s, 13))
	require.Empty(t, due(t, s, 14))
}

func TestFilesOfLostMessagesGo(t *testing.T) {
	fsys := newMem()
	s := open(t, small(fsys))
	for i := range int64(45) {
		require.NoError(t, s.Add(unit(10+i, i*100)))
	}
	require.NoError(t, s.Flush())
	require.NoError(t, s.RemoveExpired(1500))
	require.Equal(t, int64(small(fsys).FileSize), s.Log.begin(), "the second file's last message is there")
	require.Empty(t, due(t, s, 10))
	require.Equal(t, []int64{4400}, due(t, s, 54))
	require.NoError(t, s.RemoveExpired(1<<40))
	require.Equal(t, []int64{4400}, due(t, s, 54), "the last file stays")
}

func TestFilesOfOtherSizesAreRefused(t *testing.T) {
	fsys := newMem()
	s := open(t, small(fsys))
	require.NoError(t, s.Add(unit(1, 1)))
	save(t, s, Checkpoint{})
	o := small(fsys)
	o.FileSize *= 2
	_, err := Open(o)
	require.True(t, IsLayout(err), "%v", err)
	f, err := fsys.Open("/store/timerwheel")
	require.NoError(t, err)
	require.NoError(t, f.Truncate(100))
	_, err = Open(small(fsys))
	require.True(t, IsLayout(err), "%v", err)
}

func FuzzParse(f *testing.F) {
	u := unit(5, 6)
	f.Add(u.Append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if u, p := parse(b); p == correct {
			require.Equal(t, b[:UnitSize], u.Append(nil))
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	c := Checkpoint{ReadTime: 1, LogFlushed: 2, QueueOffset: 3, MasterQueueOffset: 4}
	f.Add(c.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCheckpoint(b)
		if err != nil {
			return
		}
		again, err := ParseCheckpoint(c.Append(nil))
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

// FuzzOpen opens a store whose files hold anything.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{}, []byte{}, uint16(0))
	u := unit(5, 6)
	u.Prev = None
	f.Add(u.Append(nil), (&Checkpoint{ReadTime: base}).Append(nil), uint16(3))
	f.Fuzz(func(t *testing.T, log, checkpoint []byte, at uint16) {
		fsys := newMem()
		o := small(fsys)
		require.NoError(t, fsys.MkdirAll("/store/timerlog"))
		require.NoError(t, fsys.MkdirAll("/store/config"))
		file, err := fsys.Create("/store/timerlog/00000000000000000000")
		require.NoError(t, err)
		require.NoError(t, file.Truncate(o.FileSize))
		_, err = file.WriteAt(log[:min(len(log), int(o.FileSize))], 0)
		require.NoError(t, err)
		file, err = fsys.Create("/store/config/timercheck")
		require.NoError(t, err)
		_, err = file.WriteAt(checkpoint, 0)
		require.NoError(t, err)
		s, err := Open(o)
		require.NoError(t, err)
		time := base + int64(at)*1000
		require.NoError(t, s.Units(time, func(*Unit) bool { return true }))
		require.NoError(t, s.Add(Unit{Magic: MagicDefault, WriteTime: time, Phys: 1, Size: 1}))
		count := 0
		require.NoError(t, s.Units(time, func(*Unit) bool { count++; return true }))
		require.Positive(t, count)
	})
}

func BenchmarkAdd(b *testing.B) {
	fsys := vfs.OS()
	s, err := Open(Options{FS: fsys, Root: b.TempDir(), FileSize: DefaultFileSize, Precision: 1000, Span: DefaultSpan, Intact: func(*Unit) bool { return true }})
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(UnitSize)
	for i := 0; b.Loop(); i++ {
		if err := s.Add(unit(int64(i%200_000), int64(i))); err != nil {
			b.Fatal(err)
		}
	}
}
