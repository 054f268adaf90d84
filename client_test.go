package actormq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"no name server":   {NameServers: []string{""}},
		"two ways":         {NameServers: []string{"a:1"}, Resolve: ResolveDNS("a", "1")},
		"namespace":        {NameServers: []string{"a:1"}, Namespace: "a%b"},
		"half credentials": {NameServers: []string{"a:1"}, Credentials: &Credentials{AccessKey: "a"}},
	} {
		_, err := NewClient(o)
		require.Error(t, err, name)
	}
}

func TestClientIDs(t *testing.T) {
	addr, now := netip.MustParseAddr("10.1.2.3"), time.Unix(0, 42)
	require.Regexp(t, `^10\.1\.2\.3@\d+#42$`, newClientID(addr, "", "", now))
	require.Equal(t, "10.1.2.3@shop@unit-1", newClientID(addr, "shop", "unit-1", now))
}

func TestTheAddressServerIsAsked(t *testing.T) {
	body, status, asked := "", http.StatusOK, ""
	addresses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer addresses.Close()
	resolve := ResolveHTTP(addresses.URL+"/rocketmq/nsaddr", "unit", addresses.Client())

	body = "\n 10.0.0.1:9876; 10.0.0.2:9876 ;\r\nsomething else\n"
	got, err := resolve(within(t))
	require.NoError(t, err)
	require.Equal(t, []string{"10.0.0.1:9876", "10.0.0.2:9876"}, got)
	require.Equal(t, "/rocketmq/nsaddr-unit?nofix=1", asked)

	status = http.StatusInternalServerError
	_, err = resolve(within(t))
	require.ErrorContains(t, err, "500")
	_, err = ResolveHTTP("http://127.0.0.1:1/", "", nil)(within(t))
	require.Error(t, err)
	http.DefaultClient.CloseIdleConnections()
}

func TestAHostNameIsResolved(t *testing.T) {
	got, err := ResolveDNS("127.0.0.1", "9876")(within(t))
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1:9876"}, got)
}

func TestNameServersAreLookedUp(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	var answers []string
	var failed error
	looks := 0
	c, err := NewClient(Options{Resolve: func(context.Context) ([]string, error) {
		looks++
		return answers, failed
	}})
	require.NoError(t, err)
	defer c.Close()
	p := newProducer(t, c, ProducerOptions{})

	failed = errors.New("no such host")
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, ErrNoNameServer)
	require.ErrorIs(t, err, failed)
	failed = nil
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, ErrNoNameServer, "an empty list is none")

	answers = []string{names.addr}
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.NoError(t, err)
	require.Equal(t, 3, looks, "what is known is not looked up for each question")

	answers = []string{"10.0.0.1:9876", names.addr}
	c.resolve()
	require.Equal(t, []string{names.addr, "10.0.0.1:9876"}, c.servers.known(), "the one that answered last comes first")
	failed = errors.New("no such host")
	c.resolve()
	require.Len(t, c.servers.known(), 2, "a failure changes nothing")
	answers, failed = []string{"10.0.0.9:9876"}, nil
	c.resolve()
	require.Equal(t, answers, c.servers.known())
}

// The pairs are those of RocketMQ's NamespaceUtil.
func TestNamespaces(t *testing.T) {
	for _, tt := range []struct{ namespace, name, wrapped string }{
		{"", "topic", "topic"},
		{"ns", "", ""},
		{"ns", "topic", "ns%topic"},
		{"ns", "ns%topic", "ns%topic"},
		{"ns", "%RETRY%group", "%RETRY%ns%group"},
		{"ns", "%DLQ%group", "%DLQ%ns%group"},
		{"ns", "%RETRY%ns%group", "%RETRY%ns%group"},
		{"ns", "TBW102", "TBW102"},
		{"ns", "rmq_sys_wheel_timer", "rmq_sys_wheel_timer"},
		{"ns", "CID_RMQ_SYS_x", "CID_RMQ_SYS_x"},
	} {
		wrapped := wrapNamespace(tt.namespace, tt.name)
		require.Equal(t, tt.wrapped, wrapped)
		require.Equal(t, tt.wrapped, wrapNamespace(tt.namespace, wrapped), "once is enough")
		if !strings.Contains(tt.name, "ns%") {
			require.Equal(t, tt.name, unwrapNamespace(tt.namespace, wrapped))
		}
	}
	require.Equal(t, "other%topic", unwrapNamespace("ns", "other%topic"))
}

func TestSendsInANamespace(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"ns%t": {{"broker-a", broker, 2}}})
	c, err := NewClient(Options{NameServers: []string{names.addr}, Namespace: "ns", UnitName: "u"})
	require.NoError(t, err)
	defer c.Close()
	p := newProducer(t, c, ProducerOptions{})
	sent, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.NoError(t, err)
	require.Equal(t, Queue{"t", "broker-a", 1}, sent.Queue, "the namespace does not show")
	_, err = p.SendTo(within(t), Queue{"t", "broker-a", 0}, &Message{Topic: "t", Body: []byte("x")})
	require.NoError(t, err)
	_, err = p.SendBatch(within(t), []*Message{{Topic: "t", Body: []byte("x")}})
	require.NoError(t, err)
	for _, r := range append(broker.got(messages.CodeSendMessageV2), broker.got(messages.CodeSendBatchMessage)...) {
		require.Equal(t, "ns%writers", r.Ext.Text("a"))
		require.Equal(t, "ns%t", r.Ext.Text("b"))
		require.Equal(t, "true", r.Ext.Text("k"), "the client is of a unit")
	}
	properties := messages.Properties([]byte(broker.got(messages.CodeSendMessageV2)[0].Ext.Text("i")))
	require.Equal(t, "ns", properties[messages.PropertyInstanceID])
	beat, err := messages.DecodeHeartbeat(broker.await(messages.CodeHeartBeat, 1)[0].Body)
	require.NoError(t, err)
	require.Equal(t, "ns%writers", beat.Producers[0].GroupName)
}

// The signatures were computed with another implementation of HMAC-SHA1.
func TestSignatures(t *testing.T) {
	request := &messages.Command{Body: []byte("body")}
	request.Ext.Set("b", "two")
	request.Ext.Set("a", "1")
	signed := (&Credentials{AccessKey: "ak", SecretKey: "secret", SecurityToken: "token"}).sign(request)
	require.Equal(t, "E8oH67eVRK2L8iZT/TCCcSZJ2Ws=", signed.Ext.Text("Signature"))
	require.Equal(t, "ak", signed.Ext.Text("AccessKey"))
	require.Equal(t, 2, request.Ext.Len(), "the request itself stays as it is")

	again := (&Credentials{AccessKey: "ak", SecretKey: "secret", SecurityToken: "token"}).sign(signed)
	require.Equal(t, signed.Ext.Text("Signature"), again.Ext.Text("Signature"))

	topic := &messages.Command{}
	topic.Ext.Set("topic", "orders")
	signed = (&Credentials{AccessKey: "ak", SecretKey: "secret"}).sign(topic)
	require.Equal(t, "Z2vmHimb9MiucuIB/49qkRhpfg0=", signed.Ext.Text("Signature"))
}

func TestEveryRequestIsSigned(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	c, err := NewClient(Options{NameServers: []string{names.addr}, Credentials: &Credentials{AccessKey: "ak", SecretKey: "sk"}})
	require.NoError(t, err)
	p := newProducer(t, c, ProducerOptions{})
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.NoError(t, err)
	require.NoError(t, p.SendOneway(within(t), &Message{Topic: "t", Body: []byte("x")}))
	broker.await(messages.CodeSendMessageV2, 2)
	require.NoError(t, p.Close())
	require.NoError(t, c.Close())
	for _, s := range []*server{broker, names} {
		require.NotEmpty(t, s.all())
		for _, r := range s.all() {
			signature := r.Ext.Text("Signature")
			require.Equal(t, signature, (&Credentials{AccessKey: "ak", SecretKey: "sk"}).sign(r).Ext.Text("Signature"), "code %d", r.Code)
		}
	}
}

func TestWhatActorsLogReachesTheUsersLogger(t *testing.T) {
	var out bytes.Buffer
	bridge := logBridge{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	log := zerolog.New(bridge)
	log.Info().Str("broker", "a").Msg("lost")
	log.Error().Err(errors.New("why")).Msg("bad")
	log.Debug().Msg("nobody wants to know")
	_, err := bridge.Write([]byte("no JSON"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	require.Contains(t, lines[0], "level=INFO msg=lost broker=a")
	require.Contains(t, lines[1], "level=ERROR msg=bad error=why")
	require.Contains(t, lines[2], `msg="no JSON"`)
}

func TestStats(t *testing.T) {
	broker := serve(t, func(request *messages.Command) *messages.Command {
		if string(request.Body) == "bad" {
			return answer(messages.MessageIllegal)
		}
		return acceptAll(request)
	})
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	c := connect(t, names.addr)
	p := newProducer(t, c, ProducerOptions{LatencyFault: &LatencyFault{}})
	for _, body := range []string{"good", "bad", "good"} {
		_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte(body)})
		require.Equal(t, body == "bad", err != nil)
	}
	_, err := p.Send(within(t), &Message{Topic: "nowhere", Body: []byte("x")})
	require.ErrorIs(t, err, ErrUnknownTopic)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Send(ctx, &Message{Topic: "t", Body: []byte("x")})
	require.Error(t, err)

	s := c.Stats()
	require.EqualValues(t, 2, s.Sent)
	require.EqualValues(t, 1, s.Failed["refused"])
	require.EqualValues(t, 1, s.Failed["route"])
	require.Len(t, s.Latency, len(s.Bounds)+1)
	require.Equal(t, 2, s.Connections)
	require.Equal(t, 1, s.Topics)
	require.Equal(t, []string{names.addr}, s.NameServers)

	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c.Collector()))
	families, err := registry.Gather()
	require.NoError(t, err)
	found := make(map[string]float64)
	for _, f := range families {
		switch m := f.Metric[0]; {
		case m.Counter != nil:
			for _, m := range f.Metric {
				found[f.GetName()] += m.Counter.GetValue()
			}
		case m.Histogram != nil:
			found[f.GetName()] = float64(m.Histogram.GetSampleCount())
		default:
			found[f.GetName()] = m.Gauge.GetValue()
		}
	}
	require.Equal(t, 2.0, found["actormq_client_messages_sent_total"])
	require.Equal(t, 3.0, found["actormq_client_messages_failed_total"])
	require.Equal(t, 2.0, found["actormq_client_send_duration_seconds"])
	require.Equal(t, 2.0, found["actormq_client_connections"])
	require.Equal(t, 1.0, found["actormq_client_broker_available"])
}
