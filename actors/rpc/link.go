package rpc

import (
	"fmt"
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/remoting"
)

// link is the Receiver of one connection of a Client. Its methods run on the
// connection's reading goroutine.
type link struct {
	*remoting.Framer
	env    *env.Env
	conn   transport.Conn
	client *actor.PID
	owner  *actor.PID
	peer   *messages.Peer // the server, to those who answer its requests
}

// What a link, or the dial for it, tells the Client.
type (
	opened struct {
		link *link
		err  error
	}
	responses struct{ commands []*messages.Command }
	lost      struct {
		link *link
		err  error
	}
)

// Undelivered closes a connection that came when its Client was gone.
func (m *opened) Undelivered(*actor.ActorSystem) {
	if m.link != nil {
		_ = m.link.conn.Close()
	}
}

// dial connects; the outcome comes as opened.
func dial(c *client) {
	e, self, owner, maxFrame := c.Env, c.self, c.Owner, c.MaxFrame
	e.Net.Dial(c.Addr, c.DialTimeout, func(conn transport.Conn, err error) transport.Receiver {
		if err != nil {
			e.Send(self, &opened{err: err})
			return nil
		}
		l := &link{env: e, conn: conn, client: self, owner: owner}
		l.peer = &messages.Peer{PID: self, Remote: unmap(conn.RemoteAddr()), Local: unmap(conn.LocalAddr())}
		l.Framer = remoting.NewFramer(remoting.FramerOptions{MaxFrame: maxFrame}, l.burst)
		e.Send(self, &opened{link: l})
		return l
	})
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// burst sorts what one read brought. Commands are copied: their answers may be
// kept for as long as the asker likes.
func (l *link) burst(b *remoting.Burst) error {
	defer b.Release()
	var answers, requests []*messages.Command
	for i := range b.Commands {
		switch c := &b.Commands[i]; {
		case c.IsResponse():
			answers = append(answers, c.Clone())
		case l.owner != nil:
			requests = append(requests, c.Clone())
		default:
			front.Reply(l.env, messages.TicketOf(l.peer, c),
				c.Respond(messages.RequestCodeNotSupported, fmt.Sprintf(" request type %d not supported", c.Code)))
		}
	}
	if len(answers) > 0 {
		l.env.Send(l.client, &responses{commands: answers})
	}
	if len(requests) > 0 {
		l.env.Send(l.owner, &messages.Requests{Owner: l.owner, Peer: l.peer, Commands: requests, Arrived: l.env.Millis()})
	}
	return nil
}

// Closed implements transport.Receiver.
func (l *link) Closed(err error) {
	l.Framer.Close()
	l.env.Send(l.client, &lost{link: l, err: err})
}
