package actormq_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit"
)

// patience is what a call may take beyond its deadline on a busy machine.
const patience = 5 * time.Second

// waysToSend are the calls that must end by their context's deadline, whatever
// befalls the brokers.
var waysToSend = map[string]func(ctx context.Context, p, batching *actormq.Producer) error{
	"Send": func(ctx context.Context, p, _ *actormq.Producer) error { return err2(p.Send(ctx, message("sync"))) },
	"SendTo": func(ctx context.Context, p, _ *actormq.Producer) error {
		return err2(p.SendTo(ctx, actormq.Queue{Topic: "t", Broker: "broker-a"}, message("to")))
	},
	"SendBatch": func(ctx context.Context, p, _ *actormq.Producer) error {
		return err2(p.SendBatch(ctx, []*actormq.Message{message("1"), message("2")}))
	},
	"batched": func(ctx context.Context, _, batching *actormq.Producer) error {
		return err2(batching.Send(ctx, message("gathered")))
	},
	"Request": func(ctx context.Context, p, _ *actormq.Producer) error { return err2(p.Request(ctx, message("?"))) },
	"SendAsync": func(ctx context.Context, p, _ *actormq.Producer) error {
		ended := make(chan error, 1)
		if err := p.SendAsync(ctx, message("async"), func(_ actormq.Sent, err error) { ended <- err }); err != nil {
			return err
		}
		return <-ended
	},
}

func message(body string) *actormq.Message { return &actormq.Message{Topic: "t", Body: []byte(body)} }

// requireEnds calls each way to send under a deadline that is soon.
func requireEnds(t *testing.T, p, batching *actormq.Producer) {
	const soon = 300 * time.Millisecond
	var all sync.WaitGroup
	for name, send := range waysToSend {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			defer cancel()
			began := time.Now()
			if err := send(ctx, p, batching); err == nil {
				t.Errorf("%s does not fail", name)
			}
			if took := time.Since(began); took > soon+patience {
				t.Errorf("%s takes %v", name, took)
			}
		})
	}
	all.Wait()
}

func TestSendsEndByTheirDeadlines(t *testing.T) {
	for name, fault := range map[string]struct{ strike, heal func(b broker) }{
		"killed": {broker.Kill, broker.Restart},
		"frozen": {broker.PauseRequests, broker.Heal},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			b.CreateTopic("t", 1)
			c := connect(t, b.NameServer())
			p := producer(t, c, actormq.ProducerOptions{LatencyFault: &actormq.LatencyFault{}})
			batching := producer(t, c, actormq.ProducerOptions{Batching: &actormq.Batching{Linger: time.Millisecond}})
			require.NoError(t, err2(p.Send(within(t), message("before"))))
			fault.strike(b)
			requireEnds(t, p, batching)
			fault.heal(b)
			require.Eventually(t, func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				return err2(p.Send(ctx, message("after"))) == nil
			}, limit, 10*time.Millisecond)
			require.NoError(t, c.Close()) // TestMain finds what it leaves
		})
	}
}

// TestARefusedSendSaysSo: a broker that takes nothing any more is not waited for, and
// what it said is in the error.
func TestARefusedSendSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		strike func(b *testkit.Broker)
		want   messages.ResponseCode
	}{
		"full disk": {func(b *testkit.Broker) { b.FullDisk() }, messages.ServiceNotAvailable},
		"busy":      {func(b *testkit.Broker) { b.RefuseSends(messages.SystemBusy, "too much") }, messages.SystemBusy},
	} {
		t.Run(name, func(t *testing.T) {
			b := testkit.StartBroker(t)
			b.CreateTopic("t", 1)
			p := producer(t, connect(t, b.NameServer()), actormq.ProducerOptions{})
			require.NoError(t, err2(p.Send(within(t), message("before"))))
			c.strike(b)
			var refused *actormq.Error
			require.ErrorAs(t, err2(p.Send(within(t), message("refused"))), &refused)
			require.EqualValues(t, c.want, refused.Code)
			b.Heal()
			require.NoError(t, err2(p.Send(within(t), message("after"))))
		})
	}
}

func TestASlowDiskDelaysNoDeadline(t *testing.T) {
	b := testkit.StartBroker(t, testkit.WithProperty("flushDiskType", "SYNC_FLUSH"))
	b.CreateTopic("t", 1)
	p := producer(t, connect(t, b.NameServer()), actormq.ProducerOptions{})
	b.SlowDisk(2 * time.Second)
	defer b.Heal()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, err2(p.Send(ctx, message("slow"))), context.DeadlineExceeded)
}

// relay passes connections on to an address until it is cut.
type relay struct {
	net.Listener
	to string

	mu    sync.Mutex
	mute  bool // it accepts, and says nothing
	conns []net.Conn
}

func startRelay(t *testing.T, to string) *relay {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{Listener: listener, to: to}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.pass(in) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		r.cut(true)
		running.Wait()
	})
	return r
}

func (r *relay) pass(in net.Conn) {
	r.mu.Lock()
	r.conns = append(r.conns, in)
	mute := r.mute
	r.mu.Unlock()
	defer in.Close()
	if mute {
		_, _ = io.Copy(io.Discard, in)
		return
	}
	out, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		_, _ = io.Copy(out, in)
		out.Close()
	}()
	_, _ = io.Copy(in, out)
}

// cut ends all connections, and has new ones get no answers if mute.
func (r *relay) cut(mute bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.mute, r.conns = mute, nil
}

// TestTheNameServerIsLost: known routes are used further, unknown ones end by their
// deadlines, and all is well when it is back.
func TestTheNameServerIsLost(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 1)
	names := startRelay(t, b.NameServer())
	c := connect(t, names.Addr().String())
	p := producer(t, c, actormq.ProducerOptions{})
	require.NoError(t, err2(p.Send(within(t), message("before"))))
	names.cut(true)
	require.NoError(t, err2(p.Send(within(t), message("the route is known"))))
	unknown := &actormq.Message{Topic: "other", Body: []byte("b")}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	require.ErrorIs(t, err2(p.Send(ctx, unknown)), context.DeadlineExceeded)
	require.Less(t, time.Since(began), 300*time.Millisecond+patience)
	names.cut(false)
	require.Eventually(t, func() bool { return err2(p.Send(within(t), unknown)) == nil }, limit, 10*time.Millisecond)
}
