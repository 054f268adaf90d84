package testkit

import (
	"syscall"
	"time"

	"github.com/actormq/actormq/actors/broker"
	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
)

// Advance moves the broker's clock forwards by d and has what became due happen:
// delayed messages come, held pulls are answered, queue locks expire. The clients'
// clock and the name server's stay as they are, and so do connections.
func (b *Broker) Advance(d time.Duration) { b.clock.advance(d) }

// Now returns the time by the broker's clock.
func (b *Broker) Now() time.Time { return b.clock.Now() }

// RefuseSends has sends answered with a response code and a remark, until Heal.
// Consumption goes on, and so do the broker's own appends: delayed messages come.
func (b *Broker) RefuseSends(code messages.ResponseCode, remark string) {
	b.refuse(&commitlog.SetWritable{By: testName, Code: code, Reason: remark})
}

// PauseRequests has the broker read nothing from its clients, whose requests then
// time out; Heal has it go on with what they have sent.
func (b *Broker) PauseRequests() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.net.pause()
}

// DropConnections breaks the connections of all clients. They may come back.
func (b *Broker) DropConnections() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.net.drop()
}

// SlowDisk has every fsync take d longer, until Heal. The store must be in memory.
func (b *Broker) SlowDisk(d time.Duration) {
	b.t.Helper()
	b.disk().SetFault(func(op vfs.Op, _ string) error {
		if op == vfs.OpSync {
			time.Sleep(d)
		}
		return nil
	})
}

// FailDisk has every write and fsync of the store fail with err, until Heal. What
// follows is what a broker does about a broken disk: it takes no more messages until
// it is started again. The store must be in memory.
func (b *Broker) FailDisk(err error) {
	b.t.Helper()
	b.disk().SetFault(func(op vfs.Op, _ string) error {
		if op == vfs.OpSync || op == vfs.OpWrite {
			return err
		}
		return nil
	})
}

// FullDisk leaves no space on the disk, until Heal: files do not grow, and sends are
// refused, as by a broker that has just noticed. The store must be in memory.
func (b *Broker) FullDisk() {
	b.t.Helper()
	usage, err := b.disk().Usage(b.config.StorePathRootDir)
	if err != nil {
		b.t.Fatalf("testkit: %v", err)
	}
	b.mem.SetCapacity(usage.Total - usage.Free)
	b.refuse(&commitlog.SetWritable{By: testName, Reason: "The disk is full: " + syscall.ENOSPC.Error()})
}

// Heal ends all of these, but not what they have done: a broker that has seen a
// broken disk is started again by Restart.
func (b *Broker) Heal() {
	if b.mem != nil {
		b.mem.SetFault(nil)
		b.mem.SetCapacity(0)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.net.resume()
	if b.server != nil {
		b.tell("commitlog", &commitlog.SetWritable{By: testName, Writable: true})
	}
}

// testName is who refuses for a test.
const testName = "testkit"

func (b *Broker) refuse(why *commitlog.SetWritable) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell("commitlog", why)
}

// tell sends a message to an actor of the broker. The caller holds mu.
func (b *Broker) tell(name string, message any) {
	b.env.Send(b.env.Actors.NewLocalPID(broker.RootName(b.config)+"/"+name), message)
}

// disk returns the disk in memory, which a broker with a directory has not.
func (b *Broker) disk() *vfs.Mem {
	b.t.Helper()
	if b.mem == nil {
		b.t.Fatal("testkit: the disk of a broker with a directory cannot be disturbed")
	}
	return b.mem
}
