package actormq

import (
	"context"
	"errors"
	"fmt"

	"github.com/actormq/actormq/messages"
)

// Errors to compare with, by errors.Is.
var (
	// ErrClosed says that the Client was closed.
	ErrClosed = errors.New("actormq: the client is closed")
	// ErrNoNameServer says that no name server could be reached.
	ErrNoNameServer = errors.New("actormq: no name server can be reached")
	// ErrUnknownTopic says that a topic does not exist, and that no broker creates
	// topics by use.
	ErrUnknownTopic = errors.New("actormq: the topic does not exist")
	// ErrNoQueue says that a topic has no queue that may be written, or that the
	// queue's broker is not known.
	ErrNoQueue = errors.New("actormq: no queue to use")
	// ErrBusy says that a broker has too much to do; it has not kept the message.
	ErrBusy = errors.New("actormq: the broker is busy")
	// ErrNoOffset says that a group has no offset for a queue.
	ErrNoOffset = errors.New("actormq: the group has no offset for the queue")
	// ErrNoReply says that a request was stored and that no reply came in time.
	ErrNoReply = errors.New("actormq: no reply came")
	// ErrNotExecuted says that a transaction was rolled back before it was executed.
	ErrNotExecuted = errors.New("actormq: the transaction was not executed")
	// ErrConnection says that a connection could not be made or broke. Whether a
	// request that was under way has been carried out is not known.
	ErrConnection = errors.New("actormq: connection failed")
)

// Error is the refusal of a broker or name server.
type Error struct {
	Code   int    // RocketMQ's response code
	Remark string // the server's own words
	Addr   string // of the server
}

func (e *Error) Error() string {
	return fmt.Sprintf("actormq: %s refused with code %d: %s", e.Addr, e.Code, e.Remark)
}

// Is makes errors.Is compare the codes that have a sentinel.
func (e *Error) Is(target error) bool {
	switch messages.ResponseCode(e.Code) {
	case messages.TopicNotExist:
		return target == ErrUnknownTopic
	case messages.SystemBusy:
		return target == ErrBusy
	case messages.QueryNotFound:
		return target == ErrNoOffset
	}
	return false
}

// refusal returns the *Error of a response with another code than success.
func refusal(addr string, response *messages.Command) error {
	return &Error{Code: int(response.Code), Remark: response.Remark, Addr: addr}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
