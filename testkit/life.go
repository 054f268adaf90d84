package testkit

import "errors"

// Stop ends the broker, but not the name server, as a shutdown in order does.
func (b *Broker) Stop() {
	b.t.Helper()
	if err := b.stop(); err != nil {
		b.t.Errorf("testkit: %v", err)
	}
}

func (b *Broker) stop() error {
	b.mu.Lock()
	server, network := b.server, b.net
	b.server = nil
	b.mu.Unlock()
	if server == nil {
		return nil
	}
	network.resume()
	return errors.Join(server.Stop(), network.Close())
}

// Restart stops the broker, unless it is stopped already, and starts it again on
// the same store and port.
func (b *Broker) Restart() {
	b.t.Helper()
	b.Stop()
	b.startBroker()
}

// Kill ends the broker as kill -9 does: clients lose their connections, and what
// was written stays, synced or not. Restart recovers it. The store must be in
// memory.
func (b *Broker) Kill() {
	b.t.Helper()
	b.disk()
	b.crash(b.mem.CrashProcess)
}

// PowerLoss ends the broker as a power failure does: of what was not synced, its
// store keeps a random part. random returns a number in [0, n), as rand.IntN does.
// Restart recovers the broker. The store must be in memory.
func (b *Broker) PowerLoss(random func(n int) int) {
	b.t.Helper()
	b.disk()
	b.crash(func() { b.mem.Crash(random) })
}

// crash ends a broker whose last words nobody hears.
func (b *Broker) crash(disk func()) {
	b.mu.Lock()
	network := b.net
	b.mu.Unlock()
	network.pause()
	network.drop()
	disk()
	_ = b.stop() // it cannot end in order: its files are gone
}
