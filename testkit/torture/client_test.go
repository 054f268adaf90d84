package torture

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/transport/remoting"
)

// callLimit is the real time in which a broker must answer.
const callLimit = 20 * time.Second

// client is a blocking connection with one request at a time.
type client struct {
	conn     net.Conn
	framer   *remoting.Framer
	received []*messages.Command
	opaque   int32
}

func dial(addr string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn}
	c.framer = remoting.NewFramer(remoting.FramerOptions{MaxFrame: 64 << 20}, func(b *remoting.Burst) error {
		defer b.Release()
		for i := range b.Commands {
			c.received = append(c.received, b.Commands[i].Clone())
		}
		return nil
	})
	return c, nil
}

// read returns the responses that one read brought.
func (c *client) read() ([]*messages.Command, error) {
	for len(c.received) == 0 {
		_ = c.conn.SetReadDeadline(time.Now().Add(callLimit))
		n, err := c.conn.Read(c.framer.Buffer())
		if err == nil {
			err = c.framer.Received(n)
		}
		if err != nil {
			return nil, err
		}
	}
	received := c.received
	c.received = nil
	return received, nil
}

func (c *client) call(request *messages.Command) (*messages.Command, error) {
	c.opaque++
	request.Opaque = c.opaque
	if _, err := c.conn.Write(remoting.AppendFrame(nil, request)); err != nil {
		return nil, err
	}
	received, err := c.read()
	if err != nil {
		return nil, err
	}
	if len(received) != 1 || received[0].Opaque != c.opaque || !received[0].IsResponse() {
		return nil, fmt.Errorf("torture: %d frames in answer to request %d", len(received), request.Code)
	}
	return received[0], nil
}

// readQueue tells h what a queue holds from offset on, and returns its bounds.
func (c *client) readQueue(h *history.History, q history.Queue, offset int64) (begin, end int64, err error) {
	for {
		response, err := c.call(script.Pull(q.Topic, q.ID, offset, 0))
		if err != nil {
			return 0, 0, err
		}
		pulled, err := script.Pulled(response)
		if err != nil {
			return 0, 0, fmt.Errorf("pull %v from %d: %w", q, offset, err)
		}
		for _, r := range pulled.Records {
			if r.QueueOffset != offset {
				return 0, 0, fmt.Errorf("torture: %v holds offset %d in place of %d", q, r.QueueOffset, offset)
			}
			if err := h.Read(q, r.QueueOffset, r.Body); err != nil {
				return 0, 0, err
			}
			offset++
		}
		if len(pulled.Records) == 0 {
			if offset != pulled.Max {
				return 0, 0, fmt.Errorf("torture: %v ends at %d and has nothing at %d", q, pulled.Max, offset)
			}
			return pulled.Min, pulled.Max, nil
		}
	}
}

// window is the number of requests that a loader has under way.
const window = 32

// loader sends as fast as it can over one connection, until that breaks.
type loader struct {
	id     uint32
	queues []history.Queue
	number uint32 // of the last message; it rises over all rounds
	// unpromised are answers to sends that promise nothing, and are no failures.
	unpromised map[messages.ResponseCode]bool

	mu      sync.Mutex
	open    map[uint32]time.Time // when a message was sent that is not answered
	slowest time.Duration        // answer so far
	broken  int                  // promises that were not made
}

// sends notes when a message is sent.
func (l *loader) sends(number uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[uint32]time.Time)
	}
	l.open[number] = time.Now()
}

// answered notes how long an answer took.
func (l *loader) answered(number uint32, promised bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, time.Since(l.open[number]))
	delete(l.open, number)
	if !promised {
		l.broken++
	}
}

// load returns nil when the connection broke, else what must not have happened.
// acked is called for each acknowledgement.
func (l *loader) load(addr string, h *history.History, acked func()) error {
	c, err := dial(addr)
	if err != nil {
		return nil // killed already
	}
	defer c.conn.Close()
	slots := make(chan struct{}, window)
	first := l.number
	var sending sync.WaitGroup
	var broken atomic.Bool
	sending.Go(func() {
		for slots <- struct{}{}; !broken.Load(); slots <- struct{}{} {
			l.number++
			id := history.ID{Client: l.id, Number: l.number}
			q := l.queueOf(l.number)
			h.Sent(id, q)
			l.sends(id.Number)
			request := script.Send(q.Topic, q.ID, history.Body(id))
			request.Opaque = int32(l.number - first)
			if _, err := c.conn.Write(remoting.AppendFrame(nil, request)); err != nil {
				return
			}
		}
	})
	err = l.acknowledge(c, h, first, func(promised bool) {
		if promised {
			acked()
		}
		<-slots
	})
	broken.Store(true)
	c.conn.Close()
	select { // the sender may wait for a slot
	case <-slots:
	default:
	}
	sending.Wait()
	return err
}

func (l *loader) queueOf(number uint32) history.Queue {
	return l.queues[(number+l.id)%uint32(len(l.queues))]
}

func (l *loader) acknowledge(c *client, h *history.History, first uint32, done func(promised bool)) error {
	for {
		responses, err := c.read()
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return fmt.Errorf("torture: no answer to client %d for %v", l.id, callLimit)
		}
		if err != nil {
			return nil
		}
		for _, response := range responses {
			id := history.ID{Client: l.id, Number: first + uint32(response.Opaque)}
			promised := !l.unpromised[messages.ResponseCode(response.Code)]
			l.answered(id.Number, promised)
			if !promised {
				done(false)
				continue
			}
			queueID, offset, err := script.Sent(response)
			if err != nil {
				return fmt.Errorf("torture: %v was refused: %w", id, err)
			}
			q := l.queueOf(id.Number)
			if q.ID != queueID {
				return fmt.Errorf("torture: %v, sent to %v, was put to queue %d", id, q, queueID)
			}
			if err := h.Acknowledged(id, q, offset); err != nil {
				return err
			}
			done(true)
		}
	}
}
