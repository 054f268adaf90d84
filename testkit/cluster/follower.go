package cluster

import (
	"fmt"
	"path"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport"
)

// Follower is a scripted slave: it keeps what its master sends and reports what
// the test says, or, with Acknowledge set, all that it has.
type Follower struct {
	Frames      []messages.HAHeader // as they came
	At          []time.Duration     // when, in virtual time since the beginning
	Start       int64               // offset of Log[0]
	Log         []byte
	Acknowledge bool

	world  *sim.World
	conn   transport.Conn
	buf    [4096]byte
	part   []byte // of a frame that has not come whole
	closed bool
	err    error
}

// HAAddr is what slaves dial.
func (b *Broker) HAAddr() string {
	port := b.Config.HAListenPort
	if port == 0 {
		port = b.Config.ListenPort + 1
	}
	return fmt.Sprintf("%s:%d", b.Host.Name(), port)
}

// ReadLog returns the bytes of the segments on the broker's disk, which must begin
// at offset 0.
func (b *Broker) ReadLog() []byte {
	var log []byte
	dir := path.Join(b.Config.StorePathRootDir, "commitlog")
	starts, err := segment.List(b.Host.Disk(), dir, b.Config.MappedFileSizeCommitLog)
	require.NoError(b.t, err)
	for _, start := range starts {
		require.EqualValues(b.t, len(log), start)
		f, err := b.Host.Disk().Open(path.Join(dir, segment.Name(start)))
		require.NoError(b.t, err)
		content := make([]byte, b.Config.MappedFileSizeCommitLog)
		_, err = f.ReadAt(content, 0)
		require.NoError(b.t, err)
		require.NoError(b.t, f.Close())
		log = append(log, content...)
	}
	return log
}

// Follow connects a slave on host h, which has not reported yet.
func (b *Broker) Follow(h *sim.Host) *Follower {
	f := &Follower{world: b.world, Start: -1}
	var failed error
	h.Env().Net.Dial(b.HAAddr(), startLimit, func(conn transport.Conn, err error) transport.Receiver {
		if failed = err; err != nil {
			return nil
		}
		f.conn = conn
		return f
	})
	require.NoError(b.t, b.world.Run(func() bool { return f.conn != nil || failed != nil }, startLimit))
	require.NoError(b.t, failed)
	return f
}

// World is where the slave is.
func (f *Follower) World() *sim.World { return f.world }

// Report tells the master an offset.
func (f *Follower) Report(offset int64) {
	_ = f.conn.Write([][]byte{messages.AppendHAReport(nil, offset)}) // errors show in IsClosed
}

// End is the end of the log that it has, 0 before the first frame.
func (f *Follower) End() int64 { return max(f.Start, 0) + int64(len(f.Log)) }

// Pause stops reading, as a slave does that hangs; Resume goes on.
func (f *Follower) Pause()  { f.conn.Pause() }
func (f *Follower) Resume() { f.conn.Resume() }

// Close ends the connection.
func (f *Follower) Close() { _ = f.conn.Close() }

// IsClosed reports whether the connection has ended, and why if not by Close.
func (f *Follower) IsClosed() (bool, error) { return f.closed, f.err }

// Buffer implements transport.Receiver, as do Received and Closed.
func (f *Follower) Buffer() []byte { return f.buf[:] }

// Received implements transport.Receiver. It fails on a frame that does not
// continue the log, as a slave would.
func (f *Follower) Received(n int) error {
	f.part = append(f.part, f.buf[:n]...)
	before := f.End()
	for len(f.part) >= messages.HAHeaderSize {
		h, err := messages.ParseHAHeader(f.part)
		if err != nil {
			return err
		}
		if len(f.part) < messages.HAHeaderSize+h.Size {
			break
		}
		if f.Start < 0 {
			f.Start = h.Offset
		}
		if h.Offset != f.End() {
			return fmt.Errorf("cluster: a frame at %d, the slave's log ends at %d", h.Offset, f.End())
		}
		f.Frames, f.At = append(f.Frames, h), append(f.At, f.world.Elapsed())
		f.Log = append(f.Log, f.part[messages.HAHeaderSize:messages.HAHeaderSize+h.Size]...)
		f.part = f.part[messages.HAHeaderSize+h.Size:]
	}
	if f.Acknowledge && f.End() > before {
		f.Report(f.End())
	}
	return nil
}

// Closed implements transport.Receiver.
func (f *Follower) Closed(err error) { f.closed, f.err = true, err }
