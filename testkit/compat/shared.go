package main

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/actormq/actormq/testkit/compat/cluster"
)

// shared is what most cases run against: a cluster that also filters by SQL92, asks
// about transactions soon, and otherwise is as it comes; and one that does not filter
// by SQL92, nor create topics by itself, and has other retry topics. The second has a name server of its own,
// because clients ask the name server, not the broker, for the template topic.
type shared struct {
	names, strictNames   *cluster.NameServer
	broker, strictBroker *cluster.Broker
}

func startShared(l *cluster.Launcher, kind cluster.Kind) (*shared, error) {
	s := &shared{}
	failed := make(chan error, 2)
	go func() { failed <- startPair(l, kind, "true", &s.names, &s.broker) }()
	go func() { failed <- startPair(l, kind, "false", &s.strictNames, &s.strictBroker) }()
	if err := errors.Join(<-failed, <-failed); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func startPair(l *cluster.Launcher, kind cluster.Kind, obliging string, names **cluster.NameServer, broker **cluster.Broker) error {
	ns, err := l.StartNameServer(kind)
	if err != nil {
		return err
	}
	*names = ns
	strict, waiting := "false", "1024"
	if obliging == "false" {
		strict, waiting = "true", "1"
	}
	*broker, err = l.StartBroker(kind, cluster.BrokerConfig{
		NameServer: ns.Addr,
		Conf: map[string]string{
			"autoCreateTopicEnable": obliging, "enablePropertyFilter": obliging, "recallMessageEnable": obliging,
			// Producers are asked soon about their transactions, but not about those whose
			// end is on its way to the op queue, nor given up while they are immune: with
			// Apache, ends wait for 3 s, and each round of immunity counts as a question.
			"transactionTimeOut": "1000", "transactionCheckInterval": "1000", "transactionOpBatchInterval": "200", "transactionCheckMax": "8",
			// Popped messages come again from the other kind of retry topic, pops that begin
			// at the end do so in young queues as well, and few may wait.
			"enableRetryTopicV2": strict, "initPopOffsetByCheckMsgInMem": obliging, "popPollingSize": waiting,
		},
	})
	return err
}

func (s *shared) env() []string {
	return []string{
		"COMPAT_NAMESRV=" + s.names.Addr,
		"COMPAT_BROKER=" + s.broker.Addr,
		"COMPAT_BROKER_NAME=" + s.broker.Config.Name,
		"COMPAT_CLUSTER=" + s.broker.Config.Cluster,
		"COMPAT_STRICT_NAMESRV=" + s.strictNames.Addr,
		"COMPAT_STRICT_BROKER=" + s.strictBroker.Addr,
	}
}

// alive fails if a server died during the run.
func (s *shared) alive() error {
	for _, home := range []struct {
		up   bool
		home string
	}{
		{s.names.Running(), s.names.Home}, {s.broker.Running(), s.broker.Home},
		{s.strictNames.Running(), s.strictNames.Home}, {s.strictBroker.Running(), s.strictBroker.Home},
	} {
		if !home.up {
			return fmt.Errorf("the server in %s died during the run", home.home)
		}
	}
	return nil
}

func (s *shared) stop() {
	if s.broker != nil {
		_ = s.broker.Stop(syscall.SIGKILL)
	}
	if s.strictBroker != nil {
		_ = s.strictBroker.Stop(syscall.SIGKILL)
	}
	if s.names != nil {
		_ = s.names.Stop(syscall.SIGKILL)
	}
	if s.strictNames != nil {
		_ = s.strictNames.Stop(syscall.SIGKILL)
	}
}
