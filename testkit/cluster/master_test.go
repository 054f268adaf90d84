package cluster_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// syncMaster configures a broker that waits until so many brokers have a message.
func syncMaster(copies int) func(*config.Broker) {
	return func(c *config.Broker) { c.BrokerRole, c.InSyncReplicas = config.SyncMaster, copies }
}

// master starts a SYNC_MASTER with a topic, and a producer.
func master(t *testing.T, w *sim.World, configure ...func(*config.Broker)) (*cluster.Broker, *sim.Client) {
	b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) {
		for _, f := range configure {
			f(c)
		}
	})
	b.CreateTopic(topic, queues)
	return b, b.Dial(w.Host("producer"))
}

// follow connects a slave that acknowledges everything and waits until it has the
// whole log.
func follow(t *testing.T, b *cluster.Broker, h *sim.Host) *cluster.Follower {
	f := b.Follow(h)
	f.Acknowledge = true
	f.Report(0)
	settle(t, f)
	return f
}

// settle lets a slave get and acknowledge what is there.
func settle(t *testing.T, followers ...*cluster.Follower) {
	for _, f := range followers {
		f.World().Advance(100 * time.Millisecond)
		closed, err := f.IsClosed()
		require.False(t, closed, "%v", err)
	}
}

func body(n int) []byte { return bytes.Repeat([]byte{'x'}, n) }

// code sends a message and returns the code and the time of the answer.
func code(t *testing.T, w *sim.World, producer *sim.Client) (messages.ResponseCode, time.Duration) {
	before := w.Elapsed()
	response, err := producer.Call(script.Send(topic, 0, body(100)))
	require.NoError(t, err)
	return messages.ResponseCode(response.Code), w.Elapsed() - before
}

func TestSendsWaitForSlaves(t *testing.T) {
	soon := 20 * time.Millisecond
	tests := map[string]struct {
		configure func(*config.Broker)
		slaves    func(t *testing.T, w *sim.World, b *cluster.Broker)
		code      messages.ResponseCode
		at        time.Duration // of the answer, within soon
	}{
		"an ASYNC_MASTER waits for none": {
			func(c *config.Broker) { c.InSyncReplicas = 2 }, nil, messages.Success, 0},
		"one copy is the master's own": {
			syncMaster(1), nil, messages.Success, 0},
		"a slave acknowledges": {
			syncMaster(2), func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1"))
			}, messages.Success, 0},
		"a slave is silent": {
			syncMaster(2), func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1")).Acknowledge = false
			}, messages.FlushSlaveTimeout, 3 * time.Second},
		"one of two slaves is enough": {
			syncMaster(2), func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1"))
				follow(t, b, w.Host("slave-2")).Pause()
			}, messages.Success, 0},
		"two copies at slaves are wanted": {
			syncMaster(3), func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1"))
				follow(t, b, w.Host("slave-2")).Pause()
			}, messages.FlushSlaveTimeout, 3 * time.Second},
		"there is no slave": {
			syncMaster(2), nil, messages.SlaveNotAvailable, 0},
		"there are not enough slaves": {
			syncMaster(3), func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1"))
			}, messages.SlaveNotAvailable, 0},
		"the slave has not reported yet": {
			syncMaster(2), func(t *testing.T, w *sim.World, b *cluster.Broker) {
				b.Follow(w.Host("slave-1"))
			}, messages.SlaveNotAvailable, 0},
		"the slave is too far behind": {
			func(c *config.Broker) {
				syncMaster(2)(c)
				c.HAMaxGapNotInSync = 1
			}, func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1"))
			}, messages.SlaveNotAvailable, 0},
		"waits as configured": {
			func(c *config.Broker) {
				syncMaster(2)(c)
				c.SlaveTimeout = 700
			}, func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1")).Pause()
			}, messages.FlushSlaveTimeout, 700 * time.Millisecond},
		"all in sync, where one is": {
			func(c *config.Broker) {
				syncMaster(1)(c)
				c.AllAckInSyncStateSet = true
			}, func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1"))
				follow(t, b, w.Host("slave-2")).Pause()
			}, messages.FlushSlaveTimeout, 3 * time.Second},
		"all in sync, where none is": {
			func(c *config.Broker) {
				syncMaster(1)(c)
				c.AllAckInSyncStateSet = true
			}, nil, messages.Success, 0},
		"as many as there are": {
			func(c *config.Broker) {
				syncMaster(3)(c)
				c.EnableAutoInSyncReplicas = true
			}, func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1"))
			}, messages.Success, 0},
		"both waits end well": {
			func(c *config.Broker) {
				syncMaster(2)(c)
				syncFlush(c)
			}, func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1"))
			}, messages.Success, 0},
		"the flush ends well, the slave's wait does not": {
			func(c *config.Broker) {
				syncMaster(2)(c)
				syncFlush(c)
			}, func(t *testing.T, w *sim.World, b *cluster.Broker) {
				follow(t, b, w.Host("slave-1")).Pause()
			}, messages.FlushSlaveTimeout, 3 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sim.Seeds(t, 10, sim.Options{}, func(t *testing.T, w *sim.World) {
				b, producer := master(t, w, test.configure)
				if test.slaves != nil {
					test.slaves(t, w, b)
				}
				got, at := code(t, w, producer)
				require.Equal(t, test.code, got)
				require.GreaterOrEqual(t, at, test.at)
				require.Less(t, at, test.at+soon)

				// Whatever became of the copies, the message is there.
				response, err := producer.Call(script.Pull(topic, 0, 0, 1000))
				require.NoError(t, err)
				pulled, err := script.Pulled(response)
				require.NoError(t, err)
				require.Len(t, pulled.Records, 1)
			})
		})
	}
}

func TestTooFewBrokersInSyncRefuseBeforeTheAppend(t *testing.T) {
	sim.Seeds(t, 10, sim.Options{}, func(t *testing.T, w *sim.World) {
		b, producer := master(t, w, syncMaster(2), func(c *config.Broker) { c.MinInSyncReplicas = 2 })
		response, err := producer.Call(script.Send(topic, 0, body(100)))
		require.NoError(t, err)
		require.EqualValues(t, messages.SystemError, response.Code)
		require.Equal(t, "in-sync replicas not enough", response.Remark)
		response, err = producer.Call(script.MaxOffset(topic, 0))
		require.NoError(t, err)
		require.Equal(t, "0", response.Ext.Text("offset"), "nothing was stored")

		response, err = producer.Call(script.SendWithoutWaiting(topic, 0, body(100)))
		require.NoError(t, err)
		require.NoError(t, script.Succeeded(response), "who does not wait needs no slave")

		follow(t, b, w.Host("slave-1"))
		got, _ := code(t, w, producer)
		require.Equal(t, messages.Success, got)
	})
}

func TestWaitsEndWithTheLossOfTheirSlave(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b, producer := master(t, w, syncMaster(2))
		f := follow(t, b, w.Host("slave-1"))
		f.Acknowledge = false
		var calls []*sim.Call
		for range 5 {
			calls = append(calls, producer.Send(script.Send(topic, 1, body(10))))
		}
		w.Advance(time.Second)
		for _, c := range calls {
			require.Nil(t, c.Response)
		}
		f.Close()
		w.Advance(20 * time.Millisecond)
		for _, c := range calls {
			require.NotNil(t, c.Response)
			require.EqualValues(t, messages.SlaveNotAvailable, c.Response.Code)
		}
	})
}

// A broker that stops answers what it has taken, as far as its waits allow.
func TestABrokerThatStopsAnswersFirst(t *testing.T) {
	tests := map[string]struct {
		acknowledge bool
		code        messages.ResponseCode
		within      time.Duration
	}{
		"the slave acknowledges": {true, messages.Success, 100 * time.Millisecond},
		"the slave does not":     {false, messages.FlushSlaveTimeout, 3200 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
				b, producer := master(t, w, syncMaster(2), syncFlush)
				f := follow(t, b, w.Host("slave-1"))
				f.Acknowledge = false
				var calls []*sim.Call
				for range 5 {
					calls = append(calls, producer.Send(script.Send(topic, 1, body(10))))
				}
				w.Advance(10 * time.Millisecond)
				f.Acknowledge = test.acknowledge
				began := w.Elapsed()
				w.Host("chance").Env().Clock.AfterFunc(20*time.Millisecond, func() {
					if test.acknowledge {
						f.Report(f.End())
					}
				})
				require.NoError(t, b.Stop())
				require.Less(t, w.Elapsed()-began, test.within)
				w.Advance(10 * time.Millisecond)
				for _, c := range calls {
					require.NotNil(t, c.Response)
					require.Equal(t, test.code, messages.ResponseCode(c.Response.Code))
				}
				closed, _ := f.IsClosed()
				require.True(t, closed)
				closed, _ = producer.IsClosed()
				require.True(t, closed)
			})
		})
	}
}

// A slave that connects again while its old connection hangs is one slave.
func TestAnAbandonedConnectionDoesNotCount(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b, producer := master(t, w, syncMaster(3))
		old := follow(t, b, w.Host("slave-1"))
		call := producer.Send(script.Send(topic, 1, body(10)))
		w.Advance(100 * time.Millisecond)
		require.EqualValues(t, messages.SlaveNotAvailable, call.Response.Code, "there is one slave")

		old.Acknowledge = false
		again := follow(t, b, w.Host("slave-1"))
		call = producer.Send(script.Send(topic, 1, body(10)))
		w.Advance(100 * time.Millisecond)
		require.Equal(t, old.End(), again.End())
		require.Nil(t, call.Response, "the second connection acknowledged, and the first one is in doubt")

		// What the old connection says now is news.
		old.Report(old.End())
		w.Advance(100 * time.Millisecond)
		require.NotNil(t, call.Response)
		require.EqualValues(t, messages.Success, call.Response.Code)
	})
}

// An acknowledgement that the slave gave before it connected again does not count
// beside those of the new connection.
func TestAStaleAcknowledgementDoesNotCount(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b, producer := master(t, w, syncMaster(3))
		one, other := follow(t, b, w.Host("slave-1")), follow(t, b, w.Host("slave-2"))
		other.Acknowledge = false
		call := producer.Send(script.Send(topic, 1, body(10)))
		w.Advance(100 * time.Millisecond)
		require.Nil(t, call.Response, "one of two has acknowledged")
		again := b.Follow(w.Host("slave-1"))
		again.Report(one.End())
		w.Advance(100 * time.Millisecond)
		require.Nil(t, call.Response, "still the same one has")
		other.Report(other.End())
		w.Advance(100 * time.Millisecond)
		require.NotNil(t, call.Response)
		require.EqualValues(t, messages.Success, call.Response.Code)
	})
}

func TestReportsThatNoSlaveCanMakeEndTheConnection(t *testing.T) {
	tests := map[string]func(f *cluster.Follower){
		"ahead of the log":           func(f *cluster.Follower) { f.Report(f.End() + 1) },
		"less than before":           func(f *cluster.Follower) { f.Report(f.End() - 1) },
		"negative":                   func(f *cluster.Follower) { f.Report(-2) },
		"ahead, then in the log":     func(f *cluster.Follower) { f.Report(1 << 40); f.Report(f.End()) },
		"back to the very beginning": func(f *cluster.Follower) { f.Report(0) },
	}
	for name, lie := range tests {
		t.Run(name, func(t *testing.T) {
			sim.Seeds(t, 5, sim.Options{}, func(t *testing.T, w *sim.World) {
				b, producer := master(t, w, syncMaster(1))
				f := b.Follow(w.Host("slave-1"))
				f.Acknowledge = true
				_, _ = code(t, w, producer)
				f.Report(0)
				settle(t, f)
				require.Positive(t, f.End())
				lie(f)
				w.Advance(100 * time.Millisecond)
				closed, _ := f.IsClosed()
				require.True(t, closed)

				follow(t, b, w.Host("slave-1")) // an honest one is welcome
			})
		})
	}
}

// What a slave gets, from wherever it is, is the log, in frames that end with a
// segment and are not larger than configured.
func TestSlavesGetTheLogAsItIs(t *testing.T) {
	const batch = 5000
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b, producer := master(t, w, syncMaster(2), func(c *config.Broker) { c.HATransferBatchSize = batch })
		segment := b.Config.MappedFileSizeCommitLog
		whole := follow(t, b, w.Host("slave-1"))
		random := w.Host("chance").Env().Rand
		load := func(until int64) {
			for whole.End() < until {
				require.Less(t, w.Elapsed(), time.Minute)
				for range 10 {
					producer.Send(script.Send(topic, 2, body(1+random.IntN(3000))))
				}
				w.Advance(10 * time.Millisecond)
			}
		}
		load(2*segment + segment/2)
		late := follow(t, b, w.Host("slave-2"))
		require.Equal(t, 2*segment, late.Start, "an empty slave gets the last segment")
		middle := b.Follow(w.Host("slave-3"))
		middle.Start = int64(1 + random.IntN(int(2*segment)))
		middle.Acknowledge = true
		middle.Report(middle.Start)
		load(3*segment + 1)
		settle(t, whole, late, middle)
		require.Zero(t, whole.Start)
		for _, f := range []*cluster.Follower{whole, late, middle} {
			require.Equal(t, whole.End(), f.End())
			require.True(t, bytes.Equal(whole.Log[f.Start:], f.Log))
			for _, h := range f.Frames {
				require.LessOrEqual(t, h.Size, batch)
				require.GreaterOrEqual(t, segment, h.Offset%segment+int64(h.Size), "a frame crosses a segment's end")
			}
		}
		require.NoError(t, b.Stop())
		log := b.ReadLog()
		require.True(t, bytes.Equal(log[:whole.End()], whole.Log), "the slave has what is on the master's disk")
	})
}

// A slave that reports as soon as it is connected, which a Java one does that has
// waited for its master, is heard.
func TestTheFirstReportMayComeAtOnce(t *testing.T) {
	sim.Seeds(t, 200, sim.Options{Link: sim.Link{MaxDelay: time.Microsecond}, StallRate: 4}, func(t *testing.T, w *sim.World) {
		b, producer := master(t, w, syncMaster(1))
		_, _ = code(t, w, producer)
		f := b.Follow(w.Host("slave-1"))
		f.Report(0)
		settle(t, f)
		require.Positive(t, f.End())
	})
}

func TestSignsOfLife(t *testing.T) {
	w := sim.New(1, sim.Options{})
	b, _ := master(t, w, syncMaster(1))
	f, mute := b.Follow(w.Host("slave-1")), b.Follow(w.Host("slave-2"))
	w.Advance(12 * time.Second)
	require.Empty(t, f.Frames, "the master is silent until the first report")
	f.Report(0)
	began := w.Elapsed()
	for range 6 {
		w.Advance(5 * time.Second)
		f.Report(f.End())
	}
	last := began
	for i, h := range f.Frames {
		require.LessOrEqual(t, f.At[i]-last, 6500*time.Millisecond)
		last = f.At[i]
		require.Equal(t, messages.HAHeader{}, h, "a heartbeat says where the next byte goes")
	}
	require.GreaterOrEqual(t, len(f.Frames), 4)
	closed, _ := mute.IsClosed()
	require.True(t, closed, "who never reports is taken for dead")
	closed, _ = f.IsClosed()
	require.False(t, closed)
	w.Advance(19 * time.Second)
	closed, _ = f.IsClosed()
	require.False(t, closed)
	w.Advance(4 * time.Second)
	closed, _ = f.IsClosed()
	require.True(t, closed, "nor is anybody waited for who has gone silent")
}

func TestTheRateOfASlaveIsBounded(t *testing.T) {
	w := sim.New(1, sim.Options{})
	b, producer := master(t, w, syncMaster(1), func(c *config.Broker) {
		c.HAFlowControlEnable, c.MaxHATransferByteInSecond = true, 10_000
	})
	for range 50 {
		producer.Send(script.Send(topic, 0, body(1000)))
	}
	w.Advance(time.Second)
	f := b.Follow(w.Host("slave-1"))
	f.Acknowledge = true
	f.Report(0)
	var previous int64
	for range 5 {
		w.Advance(time.Second)
		require.InDelta(t, 10_000, f.End()-previous, 100)
		previous = f.End()
	}
	w.Advance(2 * time.Second)
	require.Greater(t, f.End(), int64(50_000))
}

// A slave that reads nothing costs its own connection and nobody's time.
func TestASlaveThatHangsDelaysNobody(t *testing.T) {
	w := sim.New(1, sim.Options{SendBuffer: 256 << 10})
	b, producer := master(t, w, syncMaster(2))
	hangs, healthy := follow(t, b, w.Host("slave-1")), follow(t, b, w.Host("slave-2"))
	hangs.Pause()
	for range 100 {
		got, at := code(t, w, producer)
		require.Equal(t, messages.Success, got)
		require.Less(t, at, 20*time.Millisecond)
	}
	for range 40 {
		producer.Send(script.Send(topic, 0, body(10_000)))
		w.Advance(10 * time.Millisecond)
	}
	w.Advance(time.Second)
	hangs.Resume()
	w.Advance(time.Second)
	closed, _ := hangs.IsClosed()
	require.True(t, closed)
	closed, err := healthy.IsClosed()
	require.False(t, closed, "%v", err)
}

func TestHAStatusShowsTheSlaves(t *testing.T) {
	w := sim.New(1, sim.Options{})
	b, producer := master(t, w, syncMaster(2))
	f := follow(t, b, w.Host("slave-1"))
	_, _ = code(t, w, producer)
	f.Acknowledge = false
	producer.Send(script.Send(topic, 0, body(1000)))
	mute := b.Follow(w.Host("slave-2"))
	w.Advance(100 * time.Millisecond)
	response, err := producer.Call(script.HAStatus())
	require.NoError(t, err)
	status, err := messages.DecodeHAStatus(response.Body)
	require.NoError(t, err)
	require.True(t, status.Master)
	require.Equal(t, f.End(), status.MasterCommitLogMaxOffset)
	require.Equal(t, 1, status.InSyncSlaveNums)
	require.Len(t, status.Connections, 2)
	require.Contains(t, status.Connections[0].Addr, w.Host("slave-1").IP().String()+":")
	require.True(t, status.Connections[0].InSync)
	require.Equal(t, f.End(), status.Connections[0].TransferFromWhere)
	require.Greater(t, status.Connections[0].Diff, int64(1000))
	require.EqualValues(t, -1, status.Connections[1].SlaveAckOffset)
	require.False(t, status.Connections[1].InSync)
	mute.Close()
	w.Advance(time.Second)
	response, err = producer.Call(script.HAStatus())
	require.NoError(t, err)
	status, err = messages.DecodeHAStatus(response.Body)
	require.NoError(t, err)
	require.Len(t, status.Connections, 1)
}
