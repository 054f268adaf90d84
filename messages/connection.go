package messages

import (
	"errors"
	"net/netip"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Peer is a client connection as the actors know it. It is immutable but for
// its counters, and outlives the connection: what is sent to a closed one is
// dropped.
type Peer struct {
	PID    *actor.PID     // the Connection actor, which takes Outgoing, Append and Ask
	Remote netip.AddrPort // the client's address, IPv4 unmapped
	Local  netip.AddrPort
	Serial uint64 // unique among the connections of a process, in the order of acceptance

	// Holds, if not nil, bounds what the process keeps for this client.
	Holds Holds

	owed atomic.Int64
}

// Holds counts bytes that a process keeps for a client beyond its read buffer. The
// front reads less from whoever has much. Any goroutine may call it.
type Holds interface {
	Hold(n int)
	Return(n int)
}

// Owe adds n bytes (negative: subtracts) to what this side still has to write to
// the peer, and returns the new sum. The front stops reading from a peer that
// takes its answers too slowly.
func (p *Peer) Owe(n int) int64 { return p.owed.Add(int64(n)) }

// Owed returns the number of bytes that wait to be written to the peer.
func (p *Peer) Owed() int64 { return p.owed.Load() }

// Lease keeps the memory of a burst alive. Each Retain is paid back by one
// Release; the last one recycles the memory.
type Lease interface {
	Retain()
	Release()
}

// Requests is what one burst of one connection brought for one actor, in the
// order of the connection. Commands alias the read buffer: the actor calls
// Release when it is done and clones what it keeps.
type Requests struct {
	Owner    *actor.PID // whom it goes to
	Peer     *Peer
	Commands []*Command
	Arrived  int64 // Unix milliseconds at which the burst was read
	Lease    Lease
}

// Release gives the burst's memory back. r must not be used afterwards.
func (r *Requests) Release() {
	if r.Lease != nil {
		r.Lease.Release()
	}
}

// Ticket is what is needed to answer a request later.
type Ticket struct {
	Peer     *Peer
	Opaque   int32
	Encoding HeaderEncoding
	Oneway   bool
	Version  int32 // the client's MQVersion
	Language Language
}

// TicketOf returns the ticket of a request of peer.
func TicketOf(peer *Peer, c *Command) Ticket {
	return Ticket{
		Peer:     peer,
		Opaque:   c.Opaque,
		Encoding: c.Encoding,
		Oneway:   c.IsOneway(),
		Version:  c.Version,
		Language: c.Language,
	}
}

// Response returns an empty response to the ticket's request.
func (t Ticket) Response(code ResponseCode, remark string) *Command {
	return &Command{
		Code:     int32(code),
		Encoding: t.Encoding,
		Version:  ProtocolVersion,
		Opaque:   t.Opaque,
		Flag:     FlagResponse,
		Remark:   remark,
	}
}

// Outgoing asks a Connection to write encoded frames, Buffers back to back.
// The buffers belong to the Connection until it has called Done (if not nil),
// after the write or when the connection is gone.
type Outgoing struct {
	Buffers [][]byte
	Done    func()
}

// Undelivered gives the buffers back: the connection is gone.
func (m *Outgoing) Undelivered(*actor.ActorSystem) {
	if m.Done != nil {
		m.Done()
	}
}

// Ask asks a Connection to send Command as a request of this side, under an
// opaque of its own. Without a ReplyTo it is sent oneway. Otherwise ReplyTo gets
// exactly one Answer, at the latest when Timeout (milliseconds) has passed or
// the connection is gone.
type Ask struct {
	Command *Command
	ReplyTo *actor.PID
	Token   any
	Timeout int64
	// Owed is what the asker has added with Peer.Owe for the request, in bytes. It is
	// subtracted once the request is written.
	Owed int
}

// ErrConnectionClosed is the Answer's error when the client has gone away.
var ErrConnectionClosed = errors.New("messages: the client's connection closed")

// Undelivered answers m: the connection is gone.
func (m *Ask) Undelivered(system *actor.ActorSystem) {
	if m.ReplyTo != nil {
		system.Root.Send(m.ReplyTo, &Answer{Token: m.Token, Err: ErrConnectionClosed})
	}
}

// Answer ends an Ask: Command is the client's response, a copy of its own, or
// nil when Err says why there is none.
type Answer struct {
	Token   any
	Command *Command
	Err     error
}

// CloseConnection asks a Connection to close, after what it was given to write.
type CloseConnection struct{ Reason string }

// ConnectionClosed tells the actors that hold state per connection that Peer is
// gone. It comes once for each connection and after all of its Requests.
type ConnectionClosed struct{ Peer *Peer }
