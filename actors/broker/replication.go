package broker

import (
	"net"
	"strconv"
	"time"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/grouptransfer"
	"github.com/actormq/actormq/actors/ha"
	"github.com/actormq/actormq/messages"
)

// linger is what a slave lags behind a master whose senders wait for none. It saves
// a third of what a slave costs the master. (Apache's looks every 100 ms.)
const linger = time.Millisecond

// replicationChildren serve a master's slaves, and the sends that wait for them.
func (w *wiring) replicationChildren() []child {
	c := &w.config
	if c.BrokerRole == config.Slave {
		return nil
	}
	o := ha.Options{
		Env: w.env, Addr: net.JoinHostPort(c.BindAddress, strconv.Itoa(w.haPort())), Log: w.store.Log, View: &w.slaves,
		Heartbeat: config.Millis(c.HASendHeartbeatInterval), Silence: config.Millis(c.HAHousekeepingInterval),
		FrameBody: c.HATransferBatchSize, MaxGap: c.HAMaxGapNotInSync,
	}
	if c.HAFlowControlEnable {
		o.Rate = c.MaxHATransferByteInSecond
	}
	if w.replication() != nil {
		o.Watcher = w.pid(nameGroupTransfer)
	} else {
		o.Linger = linger
	}
	return []child{
		{nameGroupTransfer, grouptransfer.Props(grouptransfer.Options{
			Env: w.env, Slaves: &w.slaves, End: w.store.Log.MaxOffset, MaxGap: c.HAMaxGapNotInSync,
		})},
		{nameAcceptSocket, ha.Props(o)},
	}
}

// ports lists the children that bind a port before the broker is ready.
func (w *wiring) ports() []string {
	if w.config.BrokerRole == config.Slave {
		return listeners
	}
	return append([]string{nameAcceptSocket}, listeners...)
}

// haPort is the port that slaves connect to.
func (w *wiring) haPort() int {
	if w.config.HAListenPort > 0 {
		return w.config.HAListenPort
	}
	return w.config.ListenPort + 1
}

// replication is what sends wait for, nil if that is nothing.
func (w *wiring) replication() *ha.Policy {
	c := &w.config
	waits := c.InSyncReplicas > 1 || c.MinInSyncReplicas > 1 || c.AllAckInSyncStateSet
	if c.BrokerRole != config.SyncMaster || !waits {
		return nil
	}
	return &ha.Policy{
		View: &w.slaves, Copies: c.InSyncReplicas, Min: c.MinInSyncReplicas,
		Auto: c.EnableAutoInSyncReplicas, All: c.AllAckInSyncStateSet, MaxGap: c.HAMaxGapNotInSync,
	}
}

// haStatus is what mqadmin's haStatus prints. Any goroutine may call it.
func (w *wiring) haStatus() messages.HAStatus {
	return w.slaves.Status(w.store.Log.MaxOffset(), w.config.HAMaxGapNotInSync)
}
