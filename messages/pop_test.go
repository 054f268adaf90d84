package messages_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// The texts in this file were written by Apache RocketMQ 5.5.0's classes.

const checkpointText = `{"bm":5,"bn":"b","c":"G","d":[0,1,4],"it":60000,"n":3,"pt":1700000000000,"q":2,` +
	`"reviveTime":1700000060000,"ro":9,"rp":"1","so":7,"sp":true,"t":"T"}`

func TestCheckpointsAreWrittenAsApacheDoes(t *testing.T) {
	for text, want := range map[string]messages.PopCheckpoint{
		checkpointText: {
			Acked: 5, Broker: "b", Group: "G", Diffs: []int32{0, 1, 4}, Invisible: 60000, Count: 3,
			PopTime: 1700000000000, QueueID: 2, ReviveOffset: 9, Rewrites: "1", StartOffset: 7, Suspended: true, Topic: "T",
		},
		`{"bm":0,"it":0,"n":0,"pt":0,"q":0,"reviveTime":0,"ro":0,"so":0,"sp":false}`: {},
	} {
		body, err := want.Body()
		require.NoError(t, err)
		require.Equal(t, text, string(body))
		got, err := messages.ParsePopCheckpoint(body)
		require.NoError(t, err)
		require.Equal(t, want, *got)
	}
}

func TestCheckpointsKnowTheirMessages(t *testing.T) {
	gaps := messages.PopCheckpoint{StartOffset: 7, Count: 3, Diffs: []int32{0, 1, 4}}
	dense := messages.PopCheckpoint{StartOffset: 7, Count: 3} // an older form, without offsets
	for offset, want := range map[int64][2]int{
		6: {-1, -1}, 7: {0, 0}, 8: {1, 1}, 9: {-1, 2}, 10: {-1, -1}, 11: {2, -1}, 7 + 1<<32: {-1, -1}, math.MaxInt64: {-1, -1},
	} {
		require.Equal(t, want, [2]int{gaps.Index(offset), dense.Index(offset)}, "%d", offset)
	}
	require.Equal(t, []int64{7, 8, 11}, []int64{gaps.Offset(0), gaps.Offset(1), gaps.Offset(2)})
	require.Equal(t, int64(9), dense.Offset(2))
}

func TestImpossibleCheckpointsAreRefused(t *testing.T) {
	for _, body := range []string{
		``, `[]`, `{"n":"x"}`, `{"n":33}`, `{"n":-1}`, `{"so":-1}`,
		`{"n":2,"d":[0]}`, `{"n":1,"d":[0,1]}`, `{"n":2,"d":[1,0]}`, `{"n":1,"d":[-1]}`,
	} {
		_, err := messages.ParsePopCheckpoint([]byte(body))
		require.Error(t, err, "%s", body)
	}
}

func TestAcksAreWrittenAsApacheDoes(t *testing.T) {
	ack := messages.PopAck{Offset: 8, StartOffset: 7, Group: "G", Topic: "T", QueueID: 2, PopTime: 1700000000000, Broker: "b"}
	batch := ack
	batch.Offset, batch.Offsets = 0, []int64{7, 8, 11}
	for text, want := range map[string]messages.PopAck{
		`{"ao":8,"bn":"b","c":"G","pt":1700000000000,"q":2,"so":7,"t":"T"}`:                ack,
		`{"ao":0,"aol":[7,8,11],"bn":"b","c":"G","pt":1700000000000,"q":2,"so":7,"t":"T"}`: batch,
	} {
		body, err := want.Body()
		require.NoError(t, err)
		require.Equal(t, text, string(body))
		got, err := messages.ParsePopAck(body)
		require.NoError(t, err)
		require.Equal(t, want, *got)
	}
}

func TestPopHandlesNameTheTopicTheirMessageIsIn(t *testing.T) {
	for text, topic := range map[string]string{
		"7 1700000000000 60000 3 0 b 2 8":       "T",
		"7 1700000000000 60000 3 1 b 2 8":       "%RETRY%G_T",
		"7 1700000000000 60000 3 2 b 2 8":       "%RETRY%G+T",
		"7 1700000000000 60000 999 0 b 2 8 and": "T",
	} {
		h, err := messages.ParsePopHandle(text)
		require.NoError(t, err)
		require.Equal(t, topic, h.Topic("T", "G"))
		require.Equal(t, h.Mark, messages.PopMark(topic))
		require.Equal(t, "b", h.Broker)
		require.Equal(t, []int64{7, 1700000000000, 60000, 2, 8}, []int64{h.StartOffset, h.PopTime, h.Invisible, int64(h.QueueID), h.Offset})
		require.Equal(t, text[:len(h.String())], h.String())
	}
}

func TestPopHandlesDoWithoutQueueAndOffset(t *testing.T) {
	for text, want := range map[string]messages.PopHandle{
		"7 1 60000 3 0 b":   {StartOffset: 7, PopTime: 1, Invisible: 60000, ReviveQueue: 3, Mark: "0", Broker: "b", QueueID: -1, Offset: -1},
		"7 1 60000 3 0 b 2": {StartOffset: 7, PopTime: 1, Invisible: 60000, ReviveQueue: 3, Mark: "0", Broker: "b", QueueID: 2, Offset: -1},
	} {
		got, err := messages.ParsePopHandle(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestMalformedPopHandlesAreRefused(t *testing.T) {
	for _, text := range []string{"", "7", "7 1 1 3 0", "x 1 1 3 0 b 2 8", "7 1 1 9999999999 0 b 2 8", "7 1 1 3 0 b 2 ", "7  1 1 3 0 b 2 8"} {
		_, err := messages.ParsePopHandle(text)
		require.Error(t, err, "%q", text)
	}
}

func FuzzPopHandle(f *testing.F) {
	f.Add("7 1700000000000 60000 3 0 b 2 8")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := messages.ParsePopHandle(text)
		if err != nil {
			return
		}
		again, err := messages.ParsePopHandle(h.String())
		require.NoError(t, err)
		require.Equal(t, h, again)
	})
}

func FuzzPopCheckpoint(f *testing.F) {
	f.Add([]byte(checkpointText))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := messages.ParsePopCheckpoint(body)
		if err != nil {
			return
		}
		for i := range int(c.Count) {
			_ = c.Index(c.Offset(i))
		}
		written, err := c.Body()
		require.NoError(t, err)
		again, err := messages.ParsePopCheckpoint(written)
		require.NoError(t, err)
		rewritten, err := again.Body()
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}

func FuzzPopAck(f *testing.F) {
	f.Add([]byte(`{"ao":0,"aol":[7,8,11],"bn":"b","c":"G","pt":1700000000000,"q":2,"so":7,"t":"T"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := messages.ParsePopAck(body)
		if err != nil {
			return
		}
		written, err := a.Body()
		require.NoError(t, err)
		again, err := messages.ParsePopAck(written)
		require.NoError(t, err)
		rewritten, err := again.Body()
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}
