package actormq

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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
	// Resolve, which may take the place of NameServers, finds out where they are,
	// when they are needed first and every 2 minutes (ResolveDNS, ResolveHTTP).
	Resolve Resolver
	// ClientID names this client to brokers; empty makes one that is unique, of
	// the machine's address, InstanceName and UnitName.
	ClientID     string
	InstanceName string // empty: process and time
	UnitName     string // of the deployment unit; usually empty
	// Namespace, if not empty, is put before the names of topics and groups.
	Namespace string
	// Credentials, if not nil, sign every request.
	Credentials *Credentials
	// TLS, if not nil, encrypts every connection. Its ServerName, if empty, is the
	// host that is connected to.
	TLS *tls.Config
	// Trace, if not nil, has message traces recorded.
	Trace *Trace
	// Spans, if not nil, has OpenTelemetry spans made.
	Spans *Spans
	// Log gets what the client does on its own: errors of background work,
	// brokers that are isolated. nil is silence.
	Log *slog.Logger
}

func (o *Options) validate() error {
	o.NameServers = slices.DeleteFunc(slices.Clone(o.NameServers), func(addr string) bool { return addr == "" })
	switch {
	case len(o.NameServers) == 0 && o.Resolve == nil:
		return errors.New("actormq: Options.NameServers is empty")
	case len(o.NameServers) > 0 && o.Resolve != nil:
		return errors.New("actormq: Options has both NameServers and Resolve")
	case strings.Contains(o.Namespace, "%"):
		return fmt.Errorf("actormq: Options.Namespace %q contains a %%", o.Namespace)
	case o.Credentials != nil && (o.Credentials.AccessKey == "" || o.Credentials.SecretKey == ""):
		return errors.New("actormq: Options.Credentials without AccessKey or SecretKey")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// clients numbers the clients of a process, to tell their message ids apart.
var clients atomic.Uint32

// Client is the way to the brokers behind a set of name servers. NewClient
// connects to nothing; connections are made when they are needed.
type Client struct {
	id        string
	stable    string // the id that a process of the same name will have, for files
	namespace string
	unit      bool // of a deployment unit
	log       *slog.Logger
	servers   *nameServers
	conns     *connections
	routes    *routes
	uniq      *uniqKeys
	actors    *actors
	requests  requests // that wait for a reply
	counters  counters
	tracer    *tracer         // nil without Options.Trace
	spans     *spans          // nil without Options.Spans
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	running   sync.WaitGroup // the client's own goroutines

	consuming context.Context // ends when Close begins
	quit      context.CancelFunc
	consumed  sync.WaitGroup // consumers that run

	mu        sync.Mutex
	closed    bool
	producers map[string]int // with the namespace
	sending   []*Producer
	consumers map[string]*membership // with the namespace

	transactions map[string]*TransactionProducer // by group, with the namespace
}

// NewClient returns a client. It fails only on unusable options.
func NewClient(o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	addr := localAddr()
	stable := cmp.Or(o.ClientID, addr.String()+"@"+cmp.Or(o.InstanceName, "DEFAULT"))
	if o.ClientID == "" {
		o.ClientID = newClientID(addr, o.InstanceName, o.UnitName, time.Now())
	}
	c := &Client{
		id: o.ClientID, stable: stable, namespace: o.Namespace, unit: o.UnitName != "", log: o.Log,
		servers: &nameServers{addrs: o.NameServers, resolve: o.Resolve}, uniq: newUniqKeys(addr, clients.Add(1)),
		producers: make(map[string]int), consumers: make(map[string]*membership),
		transactions: make(map[string]*TransactionProducer),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.consuming, c.quit = context.WithCancel(c.ctx)
	network := tcp.New(tcp.Options{TLS: o.TLS})
	c.actors = &actors{network: network, log: o.Log}
	c.conns = &connections{
		network: network, ctx: c.ctx, opened: c.opened, pushed: c.pushed, slots: make(map[string]*slot),
	}
	if o.Credentials != nil {
		credentials := *o.Credentials
		c.conns.sign = credentials.sign
	}
	c.routes = newRoutes(c.askRoute)
	if err := c.watch(&o); err != nil {
		c.cancel()
		return nil, err
	}
	c.running.Go(c.maintain)
	return c, nil
}

// watch sets up traces and spans.
func (c *Client) watch(o *Options) (err error) {
	if o.Spans != nil {
		if c.spans, err = newSpans(o.Spans, c.id, c.namespace); err != nil {
			return err
		}
	}
	if o.Trace != nil {
		c.tracer, err = c.newTracer(*o.Trace)
	}
	return err
}

// ID returns the client's id, as brokers list it.
func (c *Client) ID() string { return c.id }

// Close ends everything made from the client: consumers stop in order, for which
// it waits until their handlers return; records of Options.Trace that wait are sent,
// in 5 s or not at all; sends under way fail, and Close waits for the callbacks that
// are told. It returns when nothing of the client runs any more. It may be called
// more than once, but not by a handler or callback.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	sending := slices.Clone(c.sending)
	c.mu.Unlock()
	c.quit()
	c.consumed.Wait()
	if c.tracer != nil {
		c.tracer.close()
	}
	c.cancel()
	err := c.conns.close()
	for _, p := range sending {
		p.abandon()
	}
	c.running.Wait()
	return errors.Join(err, c.actors.close())
}

// maintain refreshes routes and sends signs of life.
func (c *Client) maintain() {
	refresh, beat := time.NewTicker(routeInterval), time.NewTicker(heartbeatInterval)
	defer refresh.Stop()
	defer beat.Stop()
	resolve := time.NewTicker(resolveInterval)
	defer resolve.Stop()
	for {
		select {
		case <-resolve.C:
			c.resolve()
		case <-refresh.C:
			c.routes.refresh(c.ctx)
		case <-beat.C:
			c.heartbeatAll(c.ctx)
		case <-c.ctx.Done():
			return
		}
	}
}

// resolve looks where the name servers are.
func (c *Client) resolve() {
	ctx, cancel := context.WithTimeout(c.ctx, requestTimeout)
	defer cancel()
	if err := c.servers.refresh(ctx); err != nil && c.ctx.Err() == nil {
		c.log.Warn("the known name servers are used further", "error", err)
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
	servers, err := c.servers.list(ctx)
	if err != nil {
		return nil, "", c.explain(err)
	}
	var failed []error
	for _, server := range servers {
		response, err := c.askOneNameServer(ctx, server, make())
		if err == nil {
			c.servers.answered(server)
			return response, server, nil
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
func (c *Client) pushed(conn *remoting.Client, request *messages.Command) *messages.Command {
	if response, taken := c.asksConsumer(conn, request); taken {
		return response
	}
	switch messages.RequestCode(request.Code) {
	case messages.CodePushReplyMessageToClient:
		return c.replied(request)
	case messages.CodeCheckTransactionState:
		c.checksTransaction(conn, request)
		return nil
	}
	refused := request.Respond(messages.RequestCodeNotSupported, "not supported by this client")
	refused.Language = messages.Go
	return refused
}
