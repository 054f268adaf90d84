package actormq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// resolveInterval is the time between two looks at where the name servers are
// (RocketMQ: MQClientInstance).
const resolveInterval = 2 * time.Minute

// Resolver finds out where the name servers are: it returns their addresses,
// host:port. It may be called from any goroutine, one at a time.
type Resolver func(ctx context.Context) ([]string, error)

// ResolveDNS returns a Resolver that takes every address of a host name for a
// name server at port.
func ResolveDNS(host, port string) Resolver {
	return func(ctx context.Context) ([]string, error) {
		ips, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			return nil, err
		}
		slices.Sort(ips)
		addrs := make([]string, len(ips))
		for i, ip := range ips {
			addrs[i] = net.JoinHostPort(ip, port)
		}
		return addrs, nil
	}
}

// maxAddressList bounds the answer of an address server, in bytes.
const maxAddressList = 64 << 10

// ResolveHTTP returns a Resolver that asks an address server: the first line of
// what a GET of address answers is the list, separated by semicolons. With a unit
// name, which may be "", the unit's list is asked for
// (RocketMQ: DefaultTopAddressing). client may be nil.
func ResolveHTTP(address, unit string, client *http.Client) Resolver {
	if client == nil {
		client = http.DefaultClient
	}
	if unit != "" {
		address += "-" + url.PathEscape(unit) + "?nofix=1"
	}
	return func(ctx context.Context) ([]string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("address server %s: %s", address, response.Status)
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAddressList))
		if err != nil {
			return nil, fmt.Errorf("address server %s: %w", address, err)
		}
		return parseAddresses(string(body)), nil
	}
}

// parseAddresses reads the list of an address server.
func parseAddresses(body string) []string {
	body = strings.TrimSpace(body)
	if end := strings.IndexAny(body, "\r\n"); end >= 0 {
		body = body[:end]
	}
	var addrs []string
	for addr := range strings.SplitSeq(body, ";") {
		if addr = strings.TrimSpace(addr); addr != "" {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// nameServers knows the name servers, and which of them answered last.
type nameServers struct {
	resolve   Resolver   // nil for a list that never changes
	resolving sync.Mutex // one look at a time

	mu      sync.Mutex
	addrs   []string // replaced, never changed
	current string   // answered last
}

// list returns the name servers, those that are not known yet by a look at where
// they are, beginning with the one that answered last.
func (n *nameServers) list(ctx context.Context) ([]string, error) {
	if addrs := n.known(); len(addrs) > 0 {
		return addrs, nil
	}
	if err := n.refresh(ctx); err != nil {
		return nil, err
	}
	return n.known(), nil
}

func (n *nameServers) known() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := max(slices.Index(n.addrs, n.current), 0)
	return slices.Concat(n.addrs[at:], n.addrs[:at])
}

// answered remembers the name server that is asked first from now on.
func (n *nameServers) answered(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.current = addr
}

func (n *nameServers) has(addr string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.addrs, addr)
}

// refresh looks where the name servers are. If that fails, or there are none, the
// known ones stay.
func (n *nameServers) refresh(ctx context.Context) error {
	if n.resolve == nil {
		return nil
	}
	n.resolving.Lock()
	defer n.resolving.Unlock()
	addrs, err := n.resolve(ctx)
	if err == nil && len(addrs) == 0 {
		err = errors.New("the list is empty")
	}
	if err != nil {
		return fmt.Errorf("%w: where they are: %w", ErrNoNameServer, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs = slices.Clone(addrs)
	return nil
}
