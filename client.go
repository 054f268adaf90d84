package actormq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
	"github.com/actormq/actormq/transport/tcp"
)

const (
	// routeInterval is the time between two questions for the routes in use.
	routeInterval = 30 * time.Second
	// heartbeatInterval is the time between two signs of life; brokers forget a
	// client after 120 s.
	heartbeatInterval = 30 * time.Second
	// requestTimeout bounds requests whose context has no deadline.
	requestTimeout = 3 * time.Second
)

// Options configures a Client.
type Options struct {
	// NameServers are the name servers' addresses, host:port. They are asked one
	// at a time; the next one when one fails.
	NameServers []string
	// ClientID names this client to brokers; empty makes one that is unique.
	ClientID string
}

// clients numbers the clients of a process, to tell their message ids apart.
var clients atomic.Uint32

// Client is the way to the brokers behind a set of name servers. NewClient
// connects to nothing; connections are made when they are needed.
type Client struct {
	id      string
	servers []string
	conns   *connections
	routes  *routes
	uniq    *uniqKeys
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup // the client's own goroutine

	consuming context.Context // ends when Close begins
	quit      context.CancelFunc
	consumed  sync.WaitGroup // consumers that run

	mu        sync.Mutex
	closed    bool
	current   int // the name server that answered last
	producers map[string]int
	consumers map[string]*Consumer
}

// NewClient returns a client. It fails only on unusable options.
func NewClient(o Options) (*Client, error) {
	servers := slices.DeleteFunc(slices.Clone(o.NameServers), func(addr string) bool { return addr == "" })
	if len(servers) == 0 {
		return nil, errors.New("actormq: Options.NameServers is empty")
	}
	addr := localAddr()
	if o.ClientID == "" {
		o.ClientID = newClientID(addr, time.Now())
	}
	c := &Client{
		id: o.ClientID, servers: servers, uniq: newUniqKeys(addr, clients.Add(1)),
		producers: make(map[string]int), consumers: make(map[string]*Consumer),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.consuming, c.quit = context.WithCancel(c.ctx)
	c.conns = &connections{
		network: tcp.New(tcp.Options{}), ctx: c.ctx, opened: c.opened, pushed: c.pushed, slots: make(map[string]*slot),
	}
	c.routes = newRoutes(c.askRoute)
	c.running.Go(c.maintain)
	return c, nil
}

// ID returns the client's id, as brokers list it.
func (c *Client) ID() string { return c.id }

// Close ends everything made from the client: consumers stop in order, for which
// it waits until their handlers return; sends under way fail. It returns when
// nothing of the client runs any more. It may be called more than once, but not
// by a handler.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.quit()
	c.consumed.Wait()
	c.cancel()
	err := c.conns.close()
	c.running.Wait()
	return err
}

// maintain refreshes routes and sends signs of life.
func (c *Client) maintain() {
	refresh, beat := time.NewTicker(routeInterval), time.NewTicker(heartbeatInterval)
	defer refresh.Stop()
	defer beat.Stop()
	for {
		select {
		case <-refresh.C:
			c.routes.refresh(c.ctx)
		case <-beat.C:
			c.heartbeatAll(c.ctx)
		case <-c.ctx.Done():
			return
		}
	}
}

// bounded gives ctx the deadline limit from now unless it has an earlier one, and
// ends it with the client.
func (c *Client) bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	stop := context.AfterFunc(c.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// invoke sends a request to a server and returns its response, whatever the code.
func (c *Client) invoke(ctx context.Context, addr string, request *messages.Command) (*messages.Command, error) {
	conn, err := c.conns.get(ctx, addr)
	if err != nil {
		return nil, c.explain(err)
	}
	response, err := conn.call(ctx, request)
	if err != nil {
		return nil, c.explain(err)
	}
	return response, nil
}

// explain says ErrClosed where the client's end is the reason for err.
func (c *Client) explain(err error) error {
	if c.ctx.Err() != nil && !errors.Is(err, ErrClosed) {
		return ErrClosed
	}
	return err
}

// ask is invoke that takes every code but success for an error, with
// requestTimeout.
func (c *Client) ask(ctx context.Context, addr string, request *messages.Command) (*messages.Command, error) {
	ctx, cancel := c.bounded(ctx, requestTimeout)
	defer cancel()
	response, err := c.invoke(ctx, addr, request)
	if err != nil {
		return nil, err
	}
	if messages.ResponseCode(response.Code) != messages.Success {
		return nil, refusal(addr, response)
	}
	return response, nil
}

// tell sends a oneway request.
func (c *Client) tell(ctx context.Context, addr string, request *messages.Command) error {
	conn, err := c.conns.get(ctx, addr)
	if err != nil {
		return c.explain(err)
	}
	if err := conn.Oneway(request); err != nil {
		return c.explain(conn.explain(ctx, err))
	}
	return nil
}

// newRequest returns a request without fields.
func newRequest(code messages.RequestCode) *messages.Command {
	return &messages.Command{Code: int32(code), Language: messages.Go, Version: messages.ProtocolVersion}
}

// askNameServer sends the request that make returns to one name server after the
// other, beginning with the one that answered last, until one answers.
func (c *Client) askNameServer(ctx context.Context, make func() *messages.Command) (response *messages.Command, addr string, err error) {
	c.mu.Lock()
	first := c.current
	c.mu.Unlock()
	var failed []error
	for i := range c.servers {
		at := (first + i) % len(c.servers)
		response, err := c.askOneNameServer(ctx, c.servers[at], make())
		if err == nil {
			c.mu.Lock()
			c.current = at
			c.mu.Unlock()
			return response, c.servers[at], nil
		}
		if errors.Is(err, ErrClosed) {
			return nil, "", err
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, "", fmt.Errorf("%w: %w", ErrNoNameServer, errors.Join(failed...))
}

func (c *Client) askOneNameServer(ctx context.Context, addr string, request *messages.Command) (*messages.Command, error) {
	ctx, cancel := c.bounded(ctx, requestTimeout)
	defer cancel()
	return c.invoke(ctx, addr, request)
}

// pushed takes a request of a broker.
func (c *Client) pushed(_ *remoting.Client, request *messages.Command) *messages.Command {
	if messages.RequestCode(request.Code) == messages.CodeNotifyConsumerIDsChanged {
		group := request.Ext.Text("consumerGroup")
		c.mu.Lock()
		consumer := c.consumers[group]
		c.mu.Unlock()
		if consumer != nil {
			consumer.rebalanceSoon()
		}
		return nil
	}
	refused := request.Respond(messages.RequestCodeNotSupported, "not supported by this client")
	refused.Language = messages.Go
	return refused
}
