package broker

import (
	"net"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/grouptransfer"
	"github.com/actormq/actormq/actors/ha"
	"github.com/actormq/actormq/actors/haclient"
	"github.com/actormq/actormq/actors/reput"
	"github.com/actormq/actormq/actors/slavesync"
	"github.com/actormq/actormq/messages"
)

// linger is what a slave lags behind a master whose senders wait for none. It saves
// a third of what a slave costs the master. (Apache's looks every 100 ms.)
const linger = time.Millisecond

// replicationChildren serve a master's slaves, and the sends that wait for them.
func (w *wiring) replicationChildren() []child {
	c := &w.config
	if w.isSlave() {
		return w.slaveChildren()
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

func (w *wiring) isSlave() bool { return w.config.BrokerRole == config.Slave }

// slaveChildren follow a master.
func (w *wiring) slaveChildren() []child {
	c := &w.config
	return []child{
		{nameReput, reput.Props(reput.Options{Env: w.env, Store: w.store, Dispatch: w.pid(nameDispatch), View: &w.reputted})},
		{nameHAClient, haclient.Props(haclient.Options{
			Env: w.env, Log: w.store.Log, View: &w.master, Master: c.HAMasterAddress,
			Reput: w.pid(nameReput), Reputted: &w.reputted,
			Flush: w.pid(nameFlush), SyncFlush: c.FlushDiskType == config.SyncFlush,
			Heartbeat: config.Millis(c.HASendHeartbeatInterval), Silence: config.Millis(c.HAHousekeepingInterval),
		})},
		{nameSlaveSync, slavesync.Props(slavesync.Options{
			Env: w.env, Topics: w.pid(nameTopics), Subscriptions: w.pid(nameSubscriptions), Offsets: w.pid(nameOffsets), Delay: w.pid(nameDelay),
			Timer: w.pid(nameTimer), Assignment: w.pid(nameAssignment),
		})},
	}
}

// masterWatchers hear of the master's addresses.
func (w *wiring) masterWatchers() []*actor.PID {
	if !w.isSlave() {
		return nil
	}
	return []*actor.PID{w.pid(nameHAClient), w.pid(nameSlaveSync)}
}

// ports lists the children that bind a port before the broker is ready.
func (w *wiring) ports() []string {
	if w.isSlave() {
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
	if end := w.store.Log.MaxOffset(); w.isSlave() {
		return messages.HAStatus{Client: w.master.Status(end)}
	}
	return w.slaves.Status(w.store.Log.MaxOffset(), w.config.HAMaxGapNotInSync)
}
