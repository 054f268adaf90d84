package cluster_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

func TestALongPollEndsWithTheMessageItWaitsFor(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b := cluster.StartBroker(t, w, w.Host("broker"), nil)
		b.CreateTopic(topic, 1)
		consumer, producer := b.Dial(w.Host("consumer")), b.Dial(w.Host("producer"))
		pull := consumer.Send(script.Pull(topic, 0, 0, 15_000))
		w.Advance(3 * time.Second)
		require.Nil(t, pull.Response, "held")

		sent := producer.Send(script.Send(topic, 0, []byte("hello")))
		response, err := sent.Wait(time.Second)
		require.NoError(t, err)
		_, offset, err := script.Sent(response)
		require.NoError(t, err)
		require.Zero(t, offset)
		response, err = pull.Wait(time.Second)
		require.NoError(t, err)
		require.Less(t, pull.Answered-sent.Sent, 50*time.Millisecond)
		pulled, err := script.Pulled(response)
		require.NoError(t, err)
		require.Len(t, pulled.Records, 1)
		require.Equal(t, "hello", string(pulled.Records[0].Body))
		require.EqualValues(t, 1, pulled.Next)

		idle := consumer.Send(script.Pull(topic, 0, 1, 15_000))
		response, err = idle.Wait(time.Minute)
		require.NoError(t, err)
		require.Equal(t, int32(messages.PullNotFound), response.Code)
		require.InDelta(t, 15, (idle.Answered - idle.Sent).Seconds(), 0.5)
	})
}

func TestMessagesSurviveAStop(t *testing.T) {
	w := sim.New(1, sim.Options{})
	b := cluster.StartBroker(t, w, w.Host("broker"), nil)
	b.CreateTopic(topic, queues)
	j := cluster.NewJudge(b, topic, queues, 2)
	for range 3 {
		j.Connect()
		j.Load(3000)
		j.Finish()
		require.Empty(t, j.Refused)
		require.NoError(t, b.Stop())
		require.True(t, b.Stopped())
		b.Start()
		j.Check()
	}
	require.Positive(t, j.History.Acknowledgements())
}

func TestASecondBrokerOnTheSameStoreIsRefused(t *testing.T) {
	w := sim.New(1, sim.Options{})
	b := cluster.StartBroker(t, w, w.Host("broker"), nil)
	second := cluster.NewBroker(t, w, b.Host, nil)
	require.ErrorContains(t, second.TryStart(), "in use")
}

// A broker that ignored what it cannot read would forget its topics, or worse,
// where its consumers are.
func TestABrokerDoesNotStartWithoutItsState(t *testing.T) {
	for _, file := range []string{"topics.json", "subscriptionGroup.json", "consumerOffset.json", "delayOffset.json"} {
		t.Run(file, func(t *testing.T) {
			w := sim.New(1, sim.Options{AllowPanics: true})
			b := cluster.StartBroker(t, w, w.Host("broker"), nil)
			require.NoError(t, b.Stop())
			b.Host.Disk().SetFault(func(op vfs.Op, name string) error {
				if strings.Contains(name, "/config/"+file) {
					return errors.New("bad sector")
				}
				return nil
			})
			require.ErrorContains(t, b.TryStart(), file)
			require.True(t, b.Stopped(), "nothing is left running")
			b.Host.Disk().SetFault(nil)
			b.Start()
		})
	}
}

func TestARunOfABrokerIsAFunctionOfItsSeed(t *testing.T) {
	run := func(seed uint64) string {
		w := sim.New(seed, sim.Options{Link: sim.Link{MaxDelay: time.Millisecond, ResetRate: 500}})
		b := cluster.StartBroker(t, w, w.Host("broker"), syncFlush)
		b.CreateTopic(topic, queues)
		j := cluster.NewJudge(b, topic, queues, 3)
		j.Connect()
		j.Load(3000)
		b.Crash(sim.PowerLoss)
		b.Start()
		j.Check()
		w.Advance(time.Minute)
		require.NoError(t, w.Err())
		return w.Digest()
	}
	for seed := range uint64(5) {
		require.Equal(t, run(seed), run(seed), "seed %d", seed)
	}
}
