package front

import (
	"errors"
	"runtime/debug"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
)

// Request is one request on its way through its owner. Command aliases the read
// buffer and is valid until the handler returns; Ticket may be kept.
type Request struct {
	messages.Ticket
	Command *messages.Command
	Arrived int64 // Unix milliseconds
}

// Handler handles one request and returns its response. No response and no
// error means that the handler has answered, or will later, through the ticket.
type Handler func(r *Request) (*messages.Command, error)

// Handlers are the request codes of one owner.
type Handlers map[messages.RequestCode]Handler

// Codes returns the codes in ascending order.
func (h Handlers) Codes() []messages.RequestCode { return sortedKeys(h) }

// Serve runs the handler of each request of m, answers, and releases m. This is
// the one place where errors become response codes. A handler that panics costs
// its client an error and the broker a log line: the state that its actor owns
// is worth more than a restart.
func (h Handlers) Serve(e *env.Env, m *messages.Requests) {
	defer m.Release()
	for _, c := range m.Commands {
		r := &Request{Ticket: messages.TicketOf(m.Peer, c), Command: c, Arrived: m.Arrived}
		response, err := h.handle(e, r)
		if err != nil {
			response = Refusal(r.Ticket, err)
		}
		if response != nil {
			Reply(e, r.Ticket, response)
		}
	}
}

func (h Handlers) handle(e *env.Env, r *Request) (response *messages.Command, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			e.Log.Error().Interface("reason", reason).Int32("code", r.Command.Code).Stringer("client", r.Peer.Remote).
				Bytes("stack", debug.Stack()).Msg("a request handler panicked")
			response, err = nil, messages.Refuse(messages.SystemError, "internal error: %v", reason)
		}
	}()
	handler, ok := h[messages.RequestCode(r.Command.Code)]
	if !ok {
		return nil, messages.Refuse(messages.RequestCodeNotSupported, " request type %d not supported", r.Command.Code)
	}
	return handler(r)
}

// Refusal turns err into the response to t.
func Refusal(t messages.Ticket, err error) *messages.Command {
	var refusal *messages.Refusal
	if errors.As(err, &refusal) {
		return t.Response(refusal.Code, refusal.Remark)
	}
	return t.Response(messages.SystemError, err.Error())
}
