package testkit

import (
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/actors/broker"
	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/storage/vfs"
)

func ignoreUnknown(err error) error {
	if errors.Is(err, actormq.ErrUnknownTopic) {
		return nil
	}
	return err
}

// Advance moves the broker's clock forwards by d and has what became due happen:
// delayed messages come, held pulls are answered, queue locks expire. The clients'
// clock and the name server's stay as they are, and so do connections.
func (b *Broker) Advance(d time.Duration) { b.clock.advance(d) }

// Now returns the time by the broker's clock.
func (b *Broker) Now() time.Time { return b.clock.Now() }

// RefuseSends has sends answered with SERVICE_NOT_AVAILABLE and a reason, as a
// broker with a full disk does, until AcceptSends. Consumption goes on.
func (b *Broker) RefuseSends(reason string) { b.setWritable(false, reason) }

// AcceptSends ends RefuseSends.
func (b *Broker) AcceptSends() { b.setWritable(true, "") }

func (b *Broker) setWritable(writable bool, reason string) {
	b.env.Send(b.pid("commitlog"), &commitlog.SetWritable{Writable: writable, Reason: reason})
}

func (b *Broker) pid(name string) *actor.PID {
	return b.env.Actors.NewLocalPID(broker.RootName(b.config) + "/" + name)
}

// DropConnections breaks the connections of all clients. They may come back.
func (b *Broker) DropConnections() { b.net.drop() }

// SlowDisk has every fsync take d longer, until it is called with 0. The store must
// be in memory.
func (b *Broker) SlowDisk(d time.Duration) {
	b.t.Helper()
	b.fault(func(op vfs.Op) error {
		if op == vfs.OpSync && d > 0 {
			time.Sleep(d)
		}
		return nil
	})
}

// FailDisk has every write and fsync of the store fail with err. What follows is
// what a broker does about a broken disk: it takes no more messages until it is
// started again, which Restart does once FailDisk(nil) has mended the disk. The
// store must be in memory.
func (b *Broker) FailDisk(err error) {
	b.t.Helper()
	b.fault(func(op vfs.Op) error {
		if op == vfs.OpSync || op == vfs.OpWrite {
			return err
		}
		return nil
	})
}

func (b *Broker) fault(fault func(vfs.Op) error) {
	b.t.Helper()
	if b.mem == nil {
		b.t.Fatal("testkit: the disk of a broker with a directory cannot be disturbed")
	}
	b.mem.SetFault(func(op vfs.Op, _ string) error { return fault(op) })
}

// PowerLoss ends the broker as a power failure does: of what was not synced, its
// store keeps a random part. Restart starts it again. The store must be in memory.
func (b *Broker) PowerLoss(random func(n int) int) {
	b.t.Helper()
	if b.mem == nil {
		b.t.Fatal("testkit: a directory survives a power loss")
	}
	b.mem.Crash(random)
	_ = b.stop() // it cannot end in order: its files are gone
}
