package vfs_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/storage/vfs"
)

// lockHelper is the variable that turns the test binary into the other process
// of a lock test: it locks the named file, says so, and holds on until its
// standard input ends.
const lockHelper = "VFS_TEST_LOCK"

func TestMain(m *testing.M) {
	if name := os.Getenv(lockHelper); name != "" {
		lock, err := vfs.OS().Lock(name)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("locked")
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = lock.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// other is another process that holds a lock.
type other struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func startOther(t *testing.T, name string) *other {
	t.Helper()
	o := &other{cmd: exec.Command(os.Args[0])}
	o.cmd.Env = append(os.Environ(), lockHelper+"="+name)
	var err error
	o.stdin, err = o.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := o.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, o.cmd.Start())
	t.Cleanup(func() { _ = o.cmd.Process.Kill(); _ = o.cmd.Wait() })
	line := make([]byte, len("locked\n"))
	_, err = io.ReadFull(stdout, line)
	require.NoError(t, err)
	require.Equal(t, "locked\n", string(line))
	return o
}

func TestLockExcludesOtherProcesses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	holder := startOther(t, name)
	_, err := vfs.OS().Lock(name)
	require.ErrorIs(t, err, vfs.ErrLocked)

	require.NoError(t, holder.stdin.Close())
	require.NoError(t, holder.cmd.Wait())
	lock, err := vfs.OS().Lock(name)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

func TestLockEndsWithItsProcess(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	holder := startOther(t, name)
	require.NoError(t, holder.cmd.Process.Kill())
	_ = holder.cmd.Wait()
	lock, err := vfs.OS().Lock(name)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

func TestLockExcludesOtherHoldersInTheProcess(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "lock")
	first, err := vfs.OS().Lock(name)
	require.NoError(t, err)

	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "alias")))
	for _, again := range []string{name, filepath.Join(dir, "alias", "lock")} {
		_, err = vfs.OS().Lock(again)
		require.ErrorIs(t, err, vfs.ErrLocked, again)
	}
	// The refused attempts must not have cost the process its lock.
	out, err := exec.Command("env", lockHelper+"="+name, os.Args[0]).Output()
	require.Error(t, err)
	require.Contains(t, string(out), vfs.ErrLocked.Error())

	require.NoError(t, first.Close())
	require.ErrorIs(t, first.Close(), fs.ErrClosed)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "lock", string(text), "what Apache's broker writes")
	second, err := vfs.OS().Lock(name)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

// each runs a test on both filesystems: what Mem pretends is what OS does.
func each(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS(), t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		mem := vfs.NewMem(nil)
		require.NoError(t, mem.MkdirAll("/dir"))
		test(t, mem, "/dir")
	})
}

func TestFileReadsWhatWasWritten(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		f, err := fsys.Create(path.Join(dir, "f"))
		require.NoError(t, err)
		defer f.Close()

		require.NoError(t, f.Allocate(100))
		_, err = f.WriteAt([]byte("begin"), 0)
		require.NoError(t, err)
		require.NoError(t, f.WriteVec([][]byte{[]byte("ab"), nil, {}, []byte("cde")}, 10))
		require.NoError(t, f.Allocate(50), "a smaller size changes nothing")
		require.NoError(t, f.Sync())
		require.Equal(t, int64(100), size(t, f))
		require.Equal(t, "begin\x00\x00\x00\x00\x00abcde\x00", read(t, f, 0, 16))

		require.NoError(t, f.Zero(2, 10))
		require.Equal(t, "be\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00cde\x00", read(t, f, 0, 16))
		require.Equal(t, int64(100), size(t, f))

		require.NoError(t, f.Truncate(13))
		require.NoError(t, f.Truncate(20))
		require.Equal(t, "be\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00c\x00\x00\x00\x00\x00\x00\x00", read(t, f, 0, 20))
		n, err := f.ReadAt(make([]byte, 5), 18)
		require.Equal(t, 2, n)
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestWriteVecTakesMoreBuffersThanTheSystemDoes(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		f, err := fsys.Create(path.Join(dir, "f"))
		require.NoError(t, err)
		defer f.Close()
		var bufs [][]byte
		for i := range 2500 {
			bufs = append(bufs, []byte(fmt.Sprintf("%04d", i)))
		}
		require.NoError(t, f.WriteVec(bufs, 3))
		require.Equal(t, "\x00\x00\x00"+string(bytes.Join(bufs, nil)), read(t, f, 0, 3+4*2500))
	})
}

func TestDirectories(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		deep := path.Join(dir, "a", "b")
		require.NoError(t, fsys.MkdirAll(deep))
		require.NoError(t, fsys.MkdirAll(deep))
		for _, name := range []string{"2", "1"} {
			f, err := fsys.Create(path.Join(deep, name))
			require.NoError(t, err)
			_, err = f.WriteAt([]byte(name), 0)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
		require.Equal(t, []string{"1 1", "2 1"}, list(t, fsys, deep))
		require.Equal(t, []string{"b dir"}, list(t, fsys, path.Join(dir, "a")))

		require.NoError(t, fsys.Rename(path.Join(deep, "2"), path.Join(deep, "1")))
		require.NoError(t, fsys.SyncDir(deep))
		require.Equal(t, []string{"1 1"}, list(t, fsys, deep))
		f, err := fsys.Open(path.Join(deep, "1"))
		require.NoError(t, err)
		require.Equal(t, "2", read(t, f, 0, 1))
		require.NoError(t, f.Close())

		require.Error(t, fsys.Remove(deep), "not empty")
		require.NoError(t, fsys.Remove(path.Join(deep, "1")))
		require.NoError(t, fsys.Remove(deep))

		for what, err := range map[string]error{
			"open":    second(fsys.Open(path.Join(dir, "none"))),
			"stat":    second(fsys.Stat(path.Join(dir, "none"))),
			"readdir": second(fsys.ReadDir(path.Join(dir, "none"))),
			"create":  second(fsys.Create(path.Join(dir, "none", "f"))),
			"remove":  fsys.Remove(path.Join(dir, "none")),
			"rename":  fsys.Rename(path.Join(dir, "none"), path.Join(dir, "f")),
		} {
			require.ErrorIs(t, err, fs.ErrNotExist, what)
		}
	})
}

func TestUsage(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		u, err := fsys.Usage(dir)
		require.NoError(t, err)
		require.Positive(t, u.Total)
		require.LessOrEqual(t, u.Free, u.Total)
		require.GreaterOrEqual(t, u.UsedRatio(), 0.0)
		require.LessOrEqual(t, u.UsedRatio(), 1.0)
	})
}

func second[T any](_ T, err error) error { return err }

func list(t *testing.T, fsys vfs.FS, dir string) []string {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	require.NoError(t, err)
	var lines []string
	for _, e := range entries {
		if e.Dir {
			lines = append(lines, e.Name+" dir")
		} else {
			lines = append(lines, fmt.Sprintf("%s %d", e.Name, e.Size))
		}
	}
	return lines
}

func read(t *testing.T, f vfs.File, off int64, n int) string {
	t.Helper()
	b := make([]byte, n)
	_, err := f.ReadAt(b, off)
	require.NoError(t, err)
	return string(b)
}

func size(t *testing.T, f vfs.File) int64 {
	t.Helper()
	n, err := f.Size()
	require.NoError(t, err)
	return n
}

func BenchmarkFile(b *testing.B) {
	f, err := vfs.OS().Create(filepath.Join(b.TempDir(), "f"))
	require.NoError(b, err)
	defer f.Close()
	require.NoError(b, f.Allocate(1<<20))
	for _, n := range []int{1, 64} {
		bufs := make([][]byte, n)
		for i := range bufs {
			bufs[i] = make([]byte, 1024)
		}
		b.Run(fmt.Sprintf("writevec-%dx1KiB", n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(n) * 1024)
			for b.Loop() {
				if err := f.WriteVec(bufs, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
