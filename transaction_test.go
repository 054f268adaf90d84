package actormq

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

func transactions(t *testing.T, c *Client, check Check) *TransactionProducer {
	p, err := c.NewTransactionProducer(TransactionOptions{ProducerOptions: ProducerOptions{Group: "payers", CompressFrom: -1}, Check: check})
	require.NoError(t, err)
	return p
}

func unknown(context.Context, *Received) (Decision, error) { return Unknown, nil }

func commits(context.Context, *Message, Sent) (Decision, error) { return Commit, nil }

// half answers halves with a code, and everything else with success.
func half(code messages.ResponseCode) func(*messages.Command) *messages.Command {
	return func(request *messages.Command) *messages.Command {
		if request.Code != int32(messages.CodeSendMessageV2) {
			return answer(messages.Success)
		}
		return answer(code, "msgId", "7F00000100002A9F000000000000004D", "queueId", 3, "queueOffset", 5)
	}
}

func TestTransactionOptionsAreChecked(t *testing.T) {
	c := connect(t, "127.0.0.1:1")
	_, err := c.NewTransactionProducer(TransactionOptions{ProducerOptions: ProducerOptions{Group: "payers"}})
	require.ErrorContains(t, err, "Check")
	_, err = c.NewTransactionProducer(TransactionOptions{Check: unknown})
	require.ErrorContains(t, err, "group")
	_, err = c.NewTransactionProducer(TransactionOptions{ProducerOptions: ProducerOptions{Group: "payers", Batching: &Batching{}}, Check: unknown})
	require.ErrorContains(t, err, "batched")
	p := transactions(t, c, unknown)
	_, err = c.NewTransactionProducer(TransactionOptions{ProducerOptions: ProducerOptions{Group: "payers"}, Check: unknown})
	require.ErrorContains(t, err, "already")
	require.NoError(t, p.Close())
	require.NoError(t, transactions(t, c, unknown).Close(), "the group is free again")
	require.Empty(t, c.producers)
	require.NoError(t, c.Close())
	_, err = c.NewTransactionProducer(TransactionOptions{ProducerOptions: ProducerOptions{Group: "payers"}, Check: unknown})
	require.ErrorIs(t, err, ErrClosed)
}

func TestWhatABrokerIsToldOfATransaction(t *testing.T) {
	broker := serve(t, half(messages.Success))
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 4}}})
	p := transactions(t, connect(t, names.addr), unknown)
	failed := errors.New("no money")
	for _, c := range []struct {
		decision Decision
		err      error
		outcome  string
	}{{Commit, nil, "8"}, {Rollback, failed, "12"}, {Unknown, nil, "0"}} {
		broker.forget()
		ctx, cancel := context.WithCancel(within(t))
		sent, err := p.Send(ctx, &Message{Topic: "t", Body: []byte("x")}, func(ctx context.Context, _ *Message, half Sent) (Decision, error) {
			require.EqualValues(t, 5, half.Offset)
			cancel() // whoever gives up has decided nevertheless
			return c.decision, c.err
		})
		require.Equal(t, c.err, err)
		require.Equal(t, c.decision, sent.Decision)
		half := broker.got(messages.CodeSendMessageV2)[0]
		properties := messages.Properties([]byte(half.Ext.Text("i")))
		require.Equal(t, "true", properties[messages.PropertyTransactionPrepared])
		require.Equal(t, "payers", properties[messages.PropertyProducerGroup])
		require.Equal(t, "4", half.Ext.Text("f"))
		end := broker.await(messages.CodeEndTransaction, 1)[0]
		require.True(t, end.IsOneway())
		h, err := messages.ParseEndTransaction(&end.Ext)
		require.NoError(t, err)
		require.Equal(t, messages.EndTransaction{
			Topic: "t", ProducerGroup: "payers", TableOffset: 5, LogOffset: 77, Outcome: c.decision.outcome(), MsgID: sent.ID, TransactionID: sent.ID,
		}, h)
		require.Equal(t, c.outcome, end.Ext.Text("commitOrRollback"))
		require.Equal(t, "broker-a", end.Ext.Text("bname"))
		if c.err != nil {
			require.Equal(t, c.err.Error(), end.Remark)
		}
	}
}

func TestAHalfThatIsNotSafeIsRolledBack(t *testing.T) {
	broker := serve(t, half(messages.FlushDiskTimeout))
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 4}}})
	p := transactions(t, connect(t, names.addr), unknown)
	sent, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")}, func(context.Context, *Message, Sent) (Decision, error) {
		t.Error("it was executed")
		return Commit, nil
	})
	require.ErrorIs(t, err, ErrNotExecuted)
	require.Equal(t, Rollback, sent.Decision)
	end := broker.await(messages.CodeEndTransaction, 1)[0]
	require.Equal(t, "12", end.Ext.Text("commitOrRollback"))
}

func TestARefusedHalfIsNotExecuted(t *testing.T) {
	broker := serve(t, half(messages.NoPermission))
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 4}}})
	p := transactions(t, connect(t, names.addr), unknown)
	_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")}, func(context.Context, *Message, Sent) (Decision, error) {
		t.Error("it was executed")
		return Commit, nil
	})
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Empty(t, broker.got(messages.CodeEndTransaction))
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x"), DelayLevel: 1}, commits)
	require.ErrorContains(t, err, "delayed")
}

func TestABrokerIsToldOfTheGroupBeforeItAsks(t *testing.T) {
	broker := serve(t, half(messages.Success))
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 4}}})
	c := connect(t, names.addr)
	first := newProducer(t, c, ProducerOptions{})
	_, err := first.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.NoError(t, err)
	p := transactions(t, c, unknown) // the connection is there
	broker.forget()
	for range 3 {
		_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x")}, commits)
		require.NoError(t, err)
	}
	broker.await(messages.CodeEndTransaction, 3)
	beats := broker.got(messages.CodeHeartBeat)
	require.Len(t, beats, 1)
	require.Contains(t, string(beats[0].Body), `"payers"`)
}

// asking is what a broker asks about a half of the group payers.
func asking(change func(*messages.Command, *record.Record)) *messages.Command {
	r := &record.Record{QueueID: 2, Topic: []byte("t"), Body: []byte("x"), QueueOffset: 9}
	r.Properties = messages.AppendProperty(nil, messages.PropertyProducerGroup, "payers")
	r.Properties = messages.AppendProperty(r.Properties, messages.PropertyUniqKey, "ID")
	c := &messages.Command{Code: int32(messages.CodeCheckTransactionState), Flag: messages.FlagOneway}
	(&messages.CheckTransaction{Topic: messages.TopicTransHalf, TableOffset: 9, LogOffset: 88, MsgID: "ID", TransactionID: "ID", Broker: "broker-a"}).Set(&c.Ext)
	if change != nil {
		change(c, r)
	}
	if c.Body == nil {
		c.Body = r.Append(nil)
	}
	return c
}

func TestAQuestionThatCannotBeReadIsPassedOver(t *testing.T) {
	c := connect(t, "127.0.0.1:1")
	p := transactions(t, c, func(context.Context, *Received) (Decision, error) {
		t.Error("asked")
		return Unknown, nil
	})
	for name, change := range map[string]func(*messages.Command, *record.Record){
		"offset": func(c *messages.Command, _ *record.Record) { c.Ext.Set("tranStateTableOffset", "x") },
		"body":   func(c *messages.Command, _ *record.Record) { c.Body = []byte("x") },
		"zlib":   func(_ *messages.Command, r *record.Record) { r.SysFlag = messages.SysFlagCompressed },
		"group":  func(_ *messages.Command, r *record.Record) { r.Properties = nil },
	} {
		require.Nil(t, c.pushed(nil, asking(change)), name)
	}
	require.NoError(t, p.Close())
}

func TestQuestionsAreBounded(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	c := connect(t, names.addr)
	conn, err := c.conns.get(within(t), broker.addr)
	require.NoError(t, err)
	hold, asked := make(chan struct{}), make(chan struct{}, 100)
	p, err := c.NewTransactionProducer(TransactionOptions{
		ProducerOptions: ProducerOptions{Group: "payers"}, MaxChecksQueue: 3,
		Check: func(context.Context, *Received) (Decision, error) {
			asked <- struct{}{}
			<-hold
			return Commit, nil
		},
	})
	require.NoError(t, err)
	require.Nil(t, c.pushed(conn.Client, asking(nil)))
	<-asked // one is being answered
	for range 10 {
		require.Nil(t, c.pushed(conn.Client, asking(nil)))
	}
	close(hold)
	ends := broker.await(messages.CodeEndTransaction, 4)
	require.NoError(t, p.Close())
	require.Len(t, ends, 4, "three waited, the others were dropped")
	h, err := messages.ParseEndTransaction(&ends[0].Ext)
	require.NoError(t, err)
	require.Equal(t, messages.EndTransaction{
		Topic: messages.TopicTransHalf, ProducerGroup: "payers", TableOffset: 9, LogOffset: 88, Outcome: messages.SysFlagCommit,
		FromCheck: true, MsgID: "ID", TransactionID: "ID",
	}, h)
}

func FuzzCheckTransaction(f *testing.F) {
	q := asking(nil)
	f.Add("9", "88", q.Body)
	f.Add("-1", "x", []byte{0, 0, 0, 91})
	c := &Client{}
	f.Fuzz(func(t *testing.T, table, log string, body []byte) {
		command := &messages.Command{Body: body}
		command.Ext.Set("tranStateTableOffset", table)
		command.Ext.Set("commitLogOffset", log)
		q, _, err := c.decodeCheck(command)
		require.Equal(t, err == nil, q != nil)
	})
}
