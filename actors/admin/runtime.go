package admin

import (
	"fmt"
	"strconv"
	"time"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/messages"
)

const period = stats.Period * time.Millisecond

// runtime answers with the figures that mqadmin's brokerStatus and clusterList
// print. Those of pools and queues that do not exist here are zero.
func (a *admin) runtime(r *front.Request) (*messages.Command, error) {
	now := a.Counters.Sample(a.Env.Millis())
	rates := func(counter func(stats.Sample) int64) string {
		v := a.history.Rates(now, counter)
		return fmt.Sprintf("%.4f %.4f %.4f", v[0], v[1], v[2])
	}
	table := map[string]string{
		"brokerActive":                    "true",
		"brokerVersion":                   strconv.Itoa(int(messages.ProtocolVersion)),
		"brokerVersionDesc":               a.Version,
		"bootTimestamp":                   strconv.FormatInt(a.started, 10),
		"startAcceptSendRequestTimeStamp": "0",
		"runtime":                         elapsed(now.At - a.started),
		"putTps":                          rates(func(s stats.Sample) int64 { return s.Put }),
		"getTransferredTps":               rates(func(s stats.Sample) int64 { return s.Get }),
		"getFoundTps":                     rates(func(s stats.Sample) int64 { return s.Found }),
		"getMissTps":                      rates(func(s stats.Sample) int64 { return s.Missed }),
		"getTotalTps":                     rates(func(s stats.Sample) int64 { return s.Found + s.Missed }),
		"putMessageSizeTotal":             strconv.FormatInt(a.Counters.PutBytes.Load(), 10),
		"putMessageEntireTimeMax":         "0",
		"putMessageTimesTotal":            strconv.FormatInt(now.Put, 10),
		"getMessageTransferredMsgCount":   strconv.FormatInt(now.Get, 10),
		"msgPutTotalTodayNow":             strconv.FormatInt(now.Put, 10),
		"msgGetTotalTodayNow":             strconv.FormatInt(now.Get, 10),
		"commitLogMinOffset":              strconv.FormatInt(a.Store.Log.MinOffset(), 10),
		"commitLogMaxOffset":              strconv.FormatInt(a.Store.Log.MaxOffset(), 10),
		"remainHowManyDataToFlush":        fmt.Sprintf("%d B", a.Store.Log.MaxOffset()-a.Store.Log.FlushedOffset()),
		"earliestMessageTimeStamp":        strconv.FormatInt(a.earliestMessage(), 10),
		"timerEnqueueTps":                 "0.0",
		"timerDequeueTps":                 "0.0",
	}
	for _, zero := range []string{
		"msgPutTotalYesterdayMorning", "msgPutTotalTodayMorning", "msgGetTotalYesterdayMorning", "msgGetTotalTodayMorning",
		"dispatchBehindBytes", "pageCacheLockTimeMills", "timerReadBehind", "timerOffsetBehind", "timerCongestNum",
		"sendThreadPoolQueueSize", "pullThreadPoolQueueSize", "sendThreadPoolQueueHeadWaitTimeMills",
		"pullThreadPoolQueueHeadWaitTimeMills", "queryThreadPoolQueueHeadWaitTimeMills",
	} {
		table[zero] = "0"
	}
	a.replication(table)
	if used, err := a.Store.Used(); err == nil {
		table["commitLogDiskRatio"] = strconv.FormatFloat(used, 'f', 4, 64)
		table["consumeQueueDiskRatio"] = table["commitLogDiskRatio"]
	}
	if err := a.Store.Log.Err(); err != nil {
		table["storeReadOnly"] = err.Error()
	}
	response := r.Response(messages.Success, "")
	var err error
	response.Body, err = (&messages.KVTable{Table: table}).Encode()
	return response, err
}

// replication adds what Apache's broker leaves to mqadmin's haStatus: how many slaves
// a master has, how many are in sync and how many bytes the last one is behind; or
// how many bytes a slave is known to be behind its master.
func (a *admin) replication(table map[string]string) {
	status := a.HAStatus()
	if !status.Master {
		table["haMaster"] = status.Client.MasterAddr
		table["haLagBytes"] = strconv.FormatInt(max(status.Client.MasterFlushOffset-status.Client.MaxOffset, 0), 10)
		return
	}
	lag := int64(0)
	for _, slave := range status.Connections {
		lag = max(lag, slave.Diff)
	}
	table["haSlaves"] = strconv.Itoa(len(status.Connections))
	table["haInSyncSlaves"] = strconv.Itoa(status.InSyncSlaveNums)
	table["haLagBytes"] = strconv.FormatInt(lag, 10)
}

func (a *admin) earliestMessage() int64 {
	if starts := a.Store.Log.Starts(); len(starts) > 0 {
		if at, ok := a.Store.Log.FirstStoreTime(starts[0]); ok {
			return at
		}
	}
	return -1
}

func elapsed(millis int64) string {
	d := time.Duration(millis) * time.Millisecond
	return fmt.Sprintf("[ %d days, %d hours, %d minutes, %d seconds ]",
		d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60)
}
