package cluster

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// NameServer is a name server on a simulated host. It outlives its crashes, but
// not its memory.
type NameServer struct {
	Config config.NameServer
	Host   *sim.Host

	t     testing.TB
	world *sim.World
}

// StartNameServer starts a name server with the default configuration.
func StartNameServer(t testing.TB, w *sim.World, h *sim.Host) *NameServer {
	n := &NameServer{Config: config.DefaultNameServer(), Host: h, t: t, world: w}
	n.Start()
	return n
}

// Start starts the name server, on a host that is restarted if need be, and
// returns when it takes requests.
func (n *NameServer) Start() {
	if !n.Host.Running() {
		n.Host.Restart()
	}
	var came bool
	var failed error
	_, err := namesrv.Begin(n.Host.Env(), n.Config, func(_ netip.AddrPort, err error) { came, failed = true, err })
	require.NoError(n.t, err)
	require.NoError(n.t, n.world.Run(func() bool { return came }, startLimit))
	require.NoError(n.t, failed)
}

// Crash ends the name server as it stands.
func (n *NameServer) Crash(kind sim.Crash) { n.Host.Crash(kind) }

// Addr is what brokers and clients dial.
func (n *NameServer) Addr() string { return fmt.Sprintf("%s:%d", n.Host.Name(), n.Config.ListenPort) }

// Route asks the name server, from host h, where a topic is; nil if it does not
// know.
func (n *NameServer) Route(h *sim.Host, topic string) *messages.TopicRouteData {
	c, err := h.Dial(n.Addr())
	require.NoError(n.t, err)
	defer c.Close()
	response, err := c.Call(script.Route(topic))
	require.NoError(n.t, err)
	if messages.ResponseCode(response.Code) == messages.TopicNotExist {
		return nil
	}
	route, err := script.Routed(response)
	require.NoError(n.t, err)
	return route
}
