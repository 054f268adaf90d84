package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/transport/remoting"
)

// Bits of a pull's sysFlag (RocketMQ: PullSysFlag).
const (
	pullSuspend      = 2
	pullSubscription = 4
)

// benchGroup is the producers' group, and begins the names of the consumers'.
const benchGroup = "actormq-bench"

// holdMillis is how long a broker may hold a pull of mode tail.
const holdMillis = 5000

// consumer is a connection that reads.
type consumer interface {
	run() error
	link() *session
}

// session is what such connections have in common.
type session struct {
	control *control
	conn    net.Conn
	in      *reader
	stats   *stats
	out     []byte
	o       *Options
	waiting int // requests without an answer
}

func dialSession(ctx context.Context, addr string, c *control, o *Options) (*session, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return &session{control: c, conn: conn, in: newReader(conn, readSize), stats: newStats(), o: o}, nil
}

func (s *session) link() *session { return s }

// exchange writes what was added and hands over the answers, until none is awaited.
func (s *session) exchange(answered func(frame []byte) error) error {
	for {
		if len(s.out) > 0 {
			_, err := s.conn.Write(s.out)
			s.out = s.out[:0]
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
		}
		if s.waiting == 0 {
			return nil
		}
		if err := s.in.read(answered); err != nil {
			if s.control.ended.Load() && s.o.Mode == Tail {
				return nil // held pulls are not waited for
			}
			return err
		}
	}
}

// request begins one, with an opaque.
func (s *session) request(code messages.RequestCode, opaque int) messages.Command {
	c := messages.Command{Code: int32(code), Language: messages.Go, Version: messages.ProtocolVersion, Opaque: int32(opaque)}
	if s.o.Binary {
		c.Encoding = messages.BinaryHeader
	}
	return c
}

// send adds a request.
func (s *session) send(c *messages.Command) {
	s.out = remoting.AppendFrame(s.out, c)
	s.waiting++
}

// eachRecord calls visit for the records of an answer.
func eachRecord(body []byte, visit func(record []byte) error) (n int64, err error) {
	for ; len(body) > 0; n++ {
		size := int64(0)
		if len(body) >= 4 {
			size = int64(binary.BigEndian.Uint32(body))
		}
		if size < record.MinSize || size > int64(len(body)) {
			return n, fmt.Errorf("bench: record %d of an answer has %d of %d bytes", n, size, len(body))
		}
		if err := visit(body[:size]); err != nil {
			return n, fmt.Errorf("bench: record %d of an answer: %w", n, err)
		}
		body = body[size:]
	}
	return n, nil
}

// puller reads queues, each by one pull at a time.
type puller struct {
	*session
	queues []*pulled
}

// pulled is a queue that is read.
type pulled struct {
	queue      actormq.Queue
	group      string
	first      int64
	next, last int64 // offsets: to go on at, and the end of a pass; last < 0 without one
	asked      time.Duration
}

// run pulls until the run stops or the queues are read.
func (p *puller) run() error {
	for i := range p.queues {
		p.ask(i)
	}
	return p.exchange(p.answered)
}

// ask adds the next pull of a queue, unless it is at its end or the run stops.
func (p *puller) ask(i int) {
	q := p.queues[i]
	if q.last >= 0 && q.next >= q.last {
		if p.o.Duration == 0 || q.first >= q.last {
			return
		}
		q.next = q.first
	}
	if p.control.ended.Load() {
		return
	}
	flag, hold := pullSubscription, 0
	if p.o.Mode == Tail {
		flag, hold = pullSubscription|pullSuspend, holdMillis
	}
	expression, kind := messages.SubscribeAll, messages.ExpressionTag
	if p.o.Filter != "" {
		expression, kind = p.o.Filter, messages.ExpressionSQL92
	}
	c := p.request(messages.CodePullMessage, i)
	for _, field := range [...][2]string{
		{"consumerGroup", q.group}, {"topic", q.queue.Topic}, {"queueId", strconv.Itoa(q.queue.ID)},
		{"queueOffset", strconv.FormatInt(q.next, 10)}, {"maxMsgNums", strconv.Itoa(p.o.PullSize)},
		{"sysFlag", strconv.Itoa(flag)}, {"commitOffset", "0"}, {"suspendTimeoutMillis", strconv.Itoa(hold)},
		{"subscription", expression}, {"subVersion", "0"}, {"expressionType", kind}, {"bname", q.queue.Broker},
	} {
		c.Ext.Append([]byte(field[0]), []byte(field[1]))
	}
	q.asked = p.control.now()
	p.send(&c)
}

// answered takes the answer to a pull and asks for more.
func (p *puller) answered(frame []byte) error {
	var c messages.Command
	if err := remoting.Decode(frame, &c); err != nil {
		return err
	}
	if !c.IsResponse() || c.Opaque < 0 || int(c.Opaque) >= len(p.queues) {
		return nil
	}
	p.waiting--
	q := p.queues[c.Opaque]
	now := p.control.now()
	code := messages.ResponseCode(c.Code)
	began := q.next
	switch code {
	case messages.Success, messages.PullNotFound, messages.PullRetryImmediately, messages.PullOffsetMoved:
		next, err := c.Ext.Int64("nextBeginOffset")
		if err != nil {
			return fmt.Errorf("bench: answer to a pull: %w", err)
		}
		if code == messages.PullNotFound && q.last >= 0 {
			return fmt.Errorf("bench: %s ends at offset %d; the broker had promised %d", q.queue, q.next, q.last)
		}
		q.next = next
	}
	p.stats.mu.Lock()
	defer p.stats.mu.Unlock()
	p.stats.requests++
	switch code {
	case messages.Success:
		if err := p.count(c.Body, q, now); err != nil {
			return err
		}
	case messages.PullNotFound, messages.PullRetryImmediately:
	default:
		p.stats.errors[c.Code]++
	}
	if p.o.Filter != "" {
		p.read(q.next - began)
	}
	p.ask(int(c.Opaque))
	return nil
}

// read counts messages that were read, with stats.mu held.
func (p *puller) read(n int64) {
	p.stats.add(n)
	if p.o.Mode == CatchUp && p.control.left.Add(-n) < 0 {
		p.control.ended.Store(true)
	}
}

// count counts the records of an answer, with stats.mu held. In mode tail it
// takes their latencies, else that of the pull.
func (p *puller) count(body []byte, q *pulled, now time.Duration) error {
	p.stats.bytes += int64(len(body))
	if p.o.Mode != Tail {
		p.stats.latency(now - q.asked)
	}
	n, err := eachRecord(body, func(b []byte) error {
		if p.o.Mode != Tail {
			return nil
		}
		var r record.Record
		if _, err := record.Decode(b, &r); err != nil {
			return err
		}
		if len(r.Body) >= stampSize {
			p.stats.latency(now - time.Duration(binary.BigEndian.Uint64(r.Body)))
		}
		return nil
	})
	if p.o.Filter == "" {
		p.read(n)
	}
	return err
}
