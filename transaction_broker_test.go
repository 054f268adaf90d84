package actormq_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
)

// startImpatientBroker starts a broker that asks about transactions soon, and returns
// the name server's address.
func startImpatientBroker(t *testing.T) string { return start(t, impatient()...).NameServer() }

// impatient are the properties of a broker that asks soon, but, where that cannot be
// very soon, not before ends are in the op queue: Apache's asks about those otherwise.
func impatient() []string {
	timeout, batch := "100", "20"
	if lenderURL != "" {
		timeout, batch = "1500", "200"
	}
	return []string{
		"transactionTimeOut", timeout, "transactionCheckInterval", timeout, "transactionOpBatchInterval", batch,
		"transactionCheckMax", "100000",
	}
}

func newTransactionProducer(t *testing.T, c *actormq.Client, check actormq.Check, configure func(*actormq.TransactionOptions)) *actormq.TransactionProducer {
	o := actormq.TransactionOptions{ProducerOptions: actormq.ProducerOptions{Group: "payers"}, Check: check}
	if configure != nil {
		configure(&o)
	}
	p, err := c.NewTransactionProducer(o)
	require.NoError(t, err)
	return p
}

func decide(d actormq.Decision, err error) actormq.Execute {
	return func(context.Context, *actormq.Message, actormq.Sent) (actormq.Decision, error) { return d, err }
}

func payment(text string) *actormq.Message { return &actormq.Message{Topic: "t", Body: []byte(text)} }

// never is the Check of tests in which nobody should ask.
func never(t *testing.T) actormq.Check {
	return func(_ context.Context, m *actormq.Received) (actormq.Decision, error) {
		t.Errorf("a broker asks about %s", m.Body)
		return actormq.Unknown, nil
	}
}

func read(t *testing.T, c *actormq.Client, want *bodies) {
	stop := consume(t, c, group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
		want.add(m)
		return nil
	})
	want.wait(t)
	stop()
}

func TestATransactionDecidesWhetherItsMessageIsDelivered(t *testing.T) {
	names := startBroker(t)
	p := newTransactionProducer(t, connect(t, names), never(t), nil)
	wrong := errors.New("the account is empty")
	sent, err := p.Send(within(t), payment("rolled back"), decide(actormq.Rollback, wrong))
	require.ErrorIs(t, err, wrong)
	require.Equal(t, actormq.Rollback, sent.Decision)

	m := payment("committed")
	sent, err = p.Send(within(t), m, func(_ context.Context, of *actormq.Message, half actormq.Sent) (actormq.Decision, error) {
		require.Same(t, m, of)
		require.NotEmpty(t, half.ID)
		require.Equal(t, actormq.SendOK, half.Status)
		return actormq.Commit, nil
	})
	require.NoError(t, err)
	require.Equal(t, actormq.Commit, sent.Decision)

	all := collect(1)
	read(t, connect(t, names), all)
	require.Equal(t, map[string]int{"committed": 1}, all.seen)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	_, err = p.Send(within(t), m, decide(actormq.Commit, nil))
	require.ErrorIs(t, err, actormq.ErrClosed)
}

func TestAnUndecidedTransactionIsCheckedUntilItIsDecided(t *testing.T) {
	names := startImpatientBroker(t)
	var asked atomic.Int32
	var id string
	p := newTransactionProducer(t, connect(t, names), func(_ context.Context, m *actormq.Received) (actormq.Decision, error) {
		if m.ID != id || m.Topic != "t" || string(m.Body) != "undecided" {
			t.Errorf("asked about %+v", m)
		}
		switch asked.Add(1) {
		case 1:
			return actormq.Unknown, nil
		case 2:
			return actormq.Unknown, errors.New("the database is away")
		case 3:
			panic("a bug")
		}
		return actormq.Commit, nil
	}, nil)
	sent, err := p.Send(within(t), payment("undecided"), func(_ context.Context, _ *actormq.Message, half actormq.Sent) (actormq.Decision, error) {
		id = half.ID
		return actormq.Unknown, nil
	})
	require.NoError(t, err)
	require.Equal(t, actormq.Unknown, sent.Decision)
	all := collect(1)
	read(t, connect(t, names), all)
	require.Equal(t, int32(4), asked.Load())
	require.Equal(t, map[string]int{"undecided": 1}, all.seen)
	require.NoError(t, p.Close())
}

// A program that died after its half, and before it told the broker, is asked when it
// runs again, though it sends nothing.
func TestANewRunIsAskedAboutTheTransactionsOfAnEarlierOne(t *testing.T) {
	names := startImpatientBroker(t)
	before := connect(t, names)
	p := newTransactionProducer(t, before, func(context.Context, *actormq.Received) (actormq.Decision, error) {
		return actormq.Unknown, nil
	}, nil)
	_, err := p.Send(within(t), payment("of an earlier run"), decide(actormq.Unknown, nil))
	require.NoError(t, err)
	require.NoError(t, before.Close())

	p = newTransactionProducer(t, connect(t, names), func(_ context.Context, m *actormq.Received) (actormq.Decision, error) {
		return actormq.Commit, nil
	}, func(o *actormq.TransactionOptions) { o.Topics = []string{"t"} })
	read(t, connect(t, names), collect(1))
	require.NoError(t, p.Close())
}

func TestFirstCheckHoldsTheBrokerBack(t *testing.T) {
	names := startImpatientBroker(t)
	asked := make(chan time.Time, 1000)
	p := newTransactionProducer(t, connect(t, names), func(_ context.Context, m *actormq.Received) (actormq.Decision, error) {
		asked <- time.Now()
		return actormq.Commit, nil
	}, func(o *actormq.TransactionOptions) { o.FirstCheck = 900 * time.Millisecond })
	began := time.Now()
	_, err := p.Send(within(t), payment("x"), decide(actormq.Unknown, nil))
	require.NoError(t, err)
	require.GreaterOrEqual(t, (<-asked).Sub(began), time.Second, "whole seconds, rounded up")
	require.NoError(t, p.Close())
}

func TestManyTransactionsAtOnce(t *testing.T) {
	const n = 200
	names := startImpatientBroker(t)
	p := newTransactionProducer(t, connect(t, names), func(_ context.Context, m *actormq.Received) (actormq.Decision, error) {
		return actormq.Commit, nil
	}, func(o *actormq.TransactionOptions) { o.Checkers = 4 })
	failed := make(chan error, n)
	for i := range n {
		go func() {
			decision := actormq.Commit
			if i%2 == 0 {
				decision = actormq.Unknown
			}
			_, err := p.Send(within(t), payment(strconv.Itoa(i)), decide(decision, nil))
			failed <- err
		}()
	}
	for range n {
		require.NoError(t, <-failed)
	}
	read(t, connect(t, names), collect(n))
	require.NoError(t, p.Close())
}
