package actormq

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

func TestBodiesComeBackFromEachCompression(t *testing.T) {
	noise := make([]byte, 10_000)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	text := []byte(strings.Repeat("compress me ", 1000))
	for how, bits := range map[Compression]int32{Zlib: 0x301, LZ4: 0x101, Zstd: 0x201} {
		for range 3 { // compressors are used again
			dense, flag := compress(how, text)
			require.Equal(t, bits, flag, "%v", how)
			require.Less(t, len(dense), len(text)/5, "%v", how)
			back, err := decompress(dense, flag)
			require.NoError(t, err)
			require.Equal(t, text, back, "%v", how)
		}
		same, flag := compress(how, noise)
		require.Zero(t, flag, "%v", how)
		require.Equal(t, noise, same, "what does not get smaller stays")
	}
}

func TestLargeBodiesAreCompressed(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	c := connect(t, names.addr)
	body := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	for _, tt := range []struct {
		o    ProducerOptions
		size int
		flag string
	}{
		{ProducerOptions{}, 4095, "0"},
		{ProducerOptions{}, 4096, "769"},
		{ProducerOptions{CompressFrom: -1}, 1 << 20, "0"},
		{ProducerOptions{CompressFrom: 100, Compression: LZ4}, 200, "257"},
		{ProducerOptions{CompressFrom: 100, Compression: Zstd}, 200, "513"},
	} {
		broker.forget()
		_, err := newProducer(t, c, tt.o).Send(within(t), &Message{Topic: "t", Body: body(tt.size)})
		require.NoError(t, err)
		request := broker.got(messages.CodeSendMessageV2)[0]
		require.Equal(t, tt.flag, request.Ext.Text("f"), "%+v", tt)
		sysFlag, err := request.Ext.Int32("f")
		require.NoError(t, err)
		sent, err := decompress(request.Body, sysFlag)
		require.NoError(t, err)
		require.Equal(t, body(tt.size), sent)
	}
	_, err := c.NewProducer(ProducerOptions{Group: "writers", Compression: 3})
	require.ErrorContains(t, err, "Compression(3)")
}

func TestMessagesThatAreHeldBack(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	for name, tt := range map[string]struct {
		m              Message
		property, want string
	}{
		"level":       {Message{DelayLevel: 4}, messages.PropertyDelay, "4"},
		"delay":       {Message{Delay: 90 * time.Second}, messages.PropertyTimerDelayMs, "90000"},
		"not earlier": {Message{Delay: time.Millisecond + 1}, messages.PropertyTimerDelayMs, "2"},
		"time":        {Message{DeliverAt: at}, messages.PropertyTimerDeliverMs, "1700000000123"},
	} {
		tt.m.Topic, tt.m.Body = "t", []byte("x")
		require.NoError(t, tt.m.validate(), name)
		require.Equal(t, tt.want, messages.Properties(tt.m.appendProperties(nil, "id"))[tt.property], name)
	}
	for name, m := range map[string]Message{
		"two ways": {DelayLevel: 1, Delay: time.Second}, "two others": {Delay: 1, DeliverAt: at},
		"negative": {Delay: -1}, "separator": {OrderKey: "a\x01b"},
		"reserved": {Properties: map[string]string{messages.PropertyTimerDelayMs: "1"}},
	} {
		m.Topic, m.Body = "t", []byte("x")
		require.Error(t, m.validate(), name)
	}
}
