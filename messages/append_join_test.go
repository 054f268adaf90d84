package messages_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// The two waits of an Append end in any order, and the answer is the same.
func TestTheWorseOfTwoWaitsIsTheAnswer(t *testing.T) {
	const (
		ok           = messages.Success
		flushTimeout = messages.FlushDiskTimeout
		slaveTimeout = messages.FlushSlaveTimeout
		noSlave      = messages.SlaveNotAvailable
		readOnly     = messages.ServiceNotAvailable
	)
	tests := []struct{ flush, replicas, answer, withoutWaiting messages.ResponseCode }{
		{ok, ok, ok, ok},
		{flushTimeout, ok, flushTimeout, ok},
		{ok, slaveTimeout, slaveTimeout, ok},
		{ok, noSlave, noSlave, ok},
		{flushTimeout, slaveTimeout, slaveTimeout, ok},
		{flushTimeout, noSlave, noSlave, ok},
		// What cannot be flushed any more must not be told to be stored.
		{readOnly, ok, readOnly, readOnly},
		{readOnly, slaveTimeout, readOnly, readOnly},
	}
	for _, test := range tests {
		for _, flushFirst := range []bool{true, false} {
			a := messages.NewAppend(0)
			a.Sends = []messages.Send{
				{Wait: true},
				{Wait: false},
				{Wait: false, Code: messages.MessageIllegal}, // refused before it was appended
			}
			a.Expect(messages.PartFlush)
			a.Expect(messages.PartReplicas)
			require.False(t, a.Answered())
			if flushFirst {
				require.False(t, a.Settle(messages.PartFlush, test.flush, "flush"))
				require.True(t, a.Settle(messages.PartReplicas, test.replicas, "replicas"))
			} else {
				require.False(t, a.Settle(messages.PartReplicas, test.replicas, "replicas"))
				require.True(t, a.Settle(messages.PartFlush, test.flush, "flush"))
			}
			require.Equal(t, test.answer, a.Sends[0].Code, "%v", test)
			require.Equal(t, test.withoutWaiting, a.Sends[1].Code, "%v", test)
			require.Equal(t, messages.MessageIllegal, a.Sends[2].Code)
		}
	}
}

func TestAWaitThatEndsTwiceKeepsItsFirstOutcome(t *testing.T) {
	a := messages.NewAppend(0)
	a.Sends = []messages.Send{{Wait: true}}
	a.Expect(messages.PartFlush)
	require.False(t, a.Settle(messages.PartReplicas, messages.FlushSlaveTimeout, ""), "nobody waits for that")
	require.True(t, a.Settle(messages.PartFlush, messages.FlushDiskTimeout, ""))
	require.False(t, a.Settle(messages.PartFlush, messages.Success, ""), "it is answered")
	require.Equal(t, messages.FlushDiskTimeout, a.Sends[0].Code)
}

func TestARecycledAppendWaitsForNothing(t *testing.T) {
	a := messages.NewAppend(0)
	a.Expect(messages.PartReplicas)
	a.Copies = 3
	a.Release()
	b := messages.NewAppend(0)
	require.True(t, b.Answered())
	require.Zero(t, b.Copies)
	require.False(t, b.Settle(messages.PartReplicas, messages.FlushSlaveTimeout, ""))
}

// Exactly one of two goroutines makes the answer.
func TestWaitsThatEndAtOnceAnswerOnce(t *testing.T) {
	for range 1000 {
		a := messages.NewAppend(0)
		a.Sends = append(a.Sends, messages.Send{Wait: true})
		a.Expect(messages.PartFlush)
		a.Expect(messages.PartReplicas)
		var answers atomic.Int32
		var both sync.WaitGroup
		for _, p := range []messages.Part{messages.PartFlush, messages.PartReplicas} {
			both.Go(func() {
				if a.Settle(p, messages.FlushSlaveTimeout, "") {
					answers.Add(1)
				}
			})
		}
		both.Wait()
		require.EqualValues(t, 1, answers.Load())
		require.Equal(t, messages.FlushSlaveTimeout, a.Sends[0].Code)
		a.Release()
	}
}
