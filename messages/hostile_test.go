package messages_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// What a client sends is parsed on the goroutine of its connection: no bytes may
// make a decoder panic, and what is accepted must encode to the same again.

func FuzzPropertyString(f *testing.F) {
	f.Add([]byte("KEYS\x01a b\x02TAGS\x01x\x02"), "KEYS")
	f.Add([]byte("\x01\x02\x02A\x01\x02A\x01b"), "A")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		var last []byte
		rebuilt := []byte{}
		messages.EachProperty(text, func(n, value []byte) bool {
			require.NotEmpty(t, n)
			require.NotEmpty(t, value)
			if string(n) == name {
				last = value
			}
			rebuilt = messages.AppendProperty(rebuilt, string(n), string(value))
			return true
		})
		if name != "" && !bytes.ContainsAny([]byte(name), "\x01\x02") {
			require.Equal(t, string(last), string(messages.FindProperty(text, name)), "the last of a name counts")
		}
		require.Equal(t, string(rebuilt), string(messages.RemoveProperties(nil, text)), "nothing removed is everything kept")
		for n := range messages.Properties(text) {
			require.Nil(t, messages.FindProperty(messages.RemoveProperties(nil, text, n), n))
		}
	})
}

func FuzzBatchBody(f *testing.F) {
	whole := messages.AppendBatchRecord(nil, &messages.BatchRecord{Flag: 7, Body: []byte("one"), Properties: []byte("K\x01v\x02")})
	whole = messages.AppendBatchRecord(whole, &messages.BatchRecord{Body: []byte("two")})
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		for rest := body; len(rest) > 0; {
			r, next, err := messages.NextBatchRecord(rest)
			if err != nil {
				return
			}
			require.Less(t, len(next), len(rest), "a record takes space")
			again := messages.AppendBatchRecord(nil, &r)
			require.Equal(t, len(rest)-len(next), len(again))
			rest = next
		}
	})
}

func FuzzSendHeader(f *testing.F) {
	f.Add(int32(310), "a", "g", "b", "topic", "e", "1")
	f.Add(int32(10), "producerGroup", "g", "queueId", "-99999999999999999999", "topic", "")
	f.Fuzz(func(t *testing.T, code int32, k1, v1, k2, v2, k3, v3 string) {
		c := &messages.Command{Code: code}
		c.Ext.Set(k1, v1)
		c.Ext.Set(k2, v2)
		c.Ext.Set(k3, v3)
		var h messages.SendHeader
		if err := messages.ParseSend(c, &h); err != nil {
			var field *messages.FieldError
			require.ErrorAs(t, err, &field)
		}
	})
}

func FuzzClientBodies(f *testing.F) {
	f.Add([]byte(`{"clientID":"a","consumerDataSet":[{"groupName":"g","subscriptionDataSet":[{"codeSet":["1",2],"topic":"t"}]}]}`))
	f.Add([]byte(`{"consumerGroup":"g","mqSet":[{"topic":"t","queueId":"1"}]}`))
	f.Add([]byte(`{"topicConfigSerializeWrapper":{"dataVersion":{"counter":1},"topicConfigTable":{"t":null}}}`))
	f.Add([]byte(`{"brokerDatas":[{"brokerAddrs":{0:"a:1"}}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		_, _ = messages.DecodeHeartbeat(body)
		_, _ = messages.DecodeLockBatch(body)
		_, _ = messages.DecodeCheckClient(body)
		_, _ = messages.DecodeSubscriptionGroupConfig(body)
		_, _ = messages.DecodeTopicRoute(body)
		_, _ = messages.DecodeClusterInfo(body)
		_, _ = messages.DecodeRegisterBroker(body, false, 513)
		_, _ = messages.DecodeRegisterBroker(body, false, 36)
		_, _ = messages.DecodeRegisterBroker(body, true, 400)
	})
}
