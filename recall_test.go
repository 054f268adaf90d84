package actormq_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
)

func TestAMessageComesAtItsTimeUnlessItIsRecalled(t *testing.T) {
	b := start(t, "recallMessageEnable", "true")
	b.CreateTopic("t", 1)
	p, err := b.Client().NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	at := b.Now().Add(5 * time.Second)
	sent, err := p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("recalled"), DeliverAt: at})
	require.NoError(t, err)
	_, err = p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("later"), DeliverAt: at.Add(time.Second)})
	require.NoError(t, err)
	_, err = p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("soon"), Delay: time.Second})
	require.NoError(t, err)
	id, err := p.Recall(within(t), "t", sent.RecallHandle)
	require.NoError(t, err)
	require.Equal(t, sent.ID, id)

	b.Advance(7 * time.Second)
	got := b.AwaitMessages("t", 2)
	require.Len(t, got, 2)
	require.Equal(t, "soon", string(got[0].Body))
	require.Equal(t, "later", string(got[1].Body))
	require.False(t, got[1].Stored.Before(at.Add(time.Second).Truncate(time.Millisecond)), "it came early")

	_, err = p.Recall(within(t), "t", sent.RecallHandle)
	require.Error(t, err, "its time is over")
	_, err = p.Recall(within(t), "t", "garbage")
	require.Error(t, err)
}

func TestRecallMayBeForbidden(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 1)
	p, err := b.Client().NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	sent, err := p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("x"), Delay: time.Minute})
	require.NoError(t, err)
	_, err = p.Recall(within(t), "t", sent.RecallHandle)
	var refused *actormq.Error
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Remark, "forbidden")
}
