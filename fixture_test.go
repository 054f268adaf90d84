package actormq_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit"
)

// broker is a broker with a name server, for one test: testkit's or, in
// `make compat-sdk`, processes of this broker or of Apache's.
type broker interface {
	Name() string
	NameServer() string
	Client() *actormq.Client
	CreateTopic(topic string, queues int)
	AwaitMessages(topic string, n int) []*actormq.Received
	AwaitConsumed(group, topic string)
	Lag(group, topic string) int64
	Now() time.Time
	Advance(d time.Duration) // or a little, where nobody advances the clock
	Kill()
	Restart()
	PauseRequests() // leaves clients without answers
	Heal()          // ends that
}

// lenderURL is who lends brokers (testkit/compat); "" if testkit starts them.
var lenderURL = os.Getenv("ACTORMQ_LENDER")

// start starts a broker, with lines of broker.conf as key and value in turn.
func start(t *testing.T, properties ...string) broker {
	t.Helper()
	if lenderURL != "" {
		return borrow(t, properties)
	}
	var options []testkit.Option
	for i := 0; i < len(properties); i += 2 {
		options = append(options, testkit.WithProperty(properties[i], properties[i+1]))
	}
	return testkit.StartBroker(t, options...)
}

// borrowed is a broker of another process.
type borrowed struct {
	*testkit.Cluster
	t    *testing.T
	lent struct {
		ID                 int
		NameServer, Broker string
	}
}

func borrow(t *testing.T, properties []string) *borrowed {
	conf := make(map[string]string)
	for i := 0; i < len(properties); i += 2 {
		conf[properties[i]] = properties[i+1]
	}
	body, err := json.Marshal(conf)
	require.NoError(t, err)
	b := &borrowed{t: t}
	require.NoError(t, json.Unmarshal(b.request(http.MethodPost, "/brokers", body), &b.lent))
	t.Cleanup(func() { b.request(http.MethodDelete, b.path(""), nil) })
	b.Cluster = testkit.Connect(t, b.lent.NameServer, limit)
	return b
}

func (b *borrowed) path(what string) string { return fmt.Sprintf("/brokers/%d%s", b.lent.ID, what) }

func (b *borrowed) request(method, path string, body []byte) []byte {
	b.t.Helper()
	request, err := http.NewRequest(method, lenderURL+path, bytes.NewReader(body))
	require.NoError(b.t, err)
	request.Close = true // tests check that no goroutine is left
	response, err := http.DefaultClient.Do(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, response.StatusCode, "%s", answer)
	return answer
}

func (b *borrowed) Name() string   { return b.lent.Broker }
func (b *borrowed) Now() time.Time { return time.Now() }
func (b *borrowed) Kill()          { b.request(http.MethodPost, b.path("/kill"), nil) }
func (b *borrowed) Restart()       { b.request(http.MethodPost, b.path("/start"), nil) }

// Advance waits until the clock shows another millisecond.
func (b *borrowed) Advance(time.Duration) {
	before := time.Now().UnixMilli()
	require.Eventually(b.t, func() bool { return time.Now().UnixMilli() > before+1 }, limit, time.Millisecond)
}

func (b *borrowed) PauseRequests() { b.request(http.MethodPost, b.path("/freeze"), nil) }
func (b *borrowed) Heal()          { b.request(http.MethodPost, b.path("/thaw"), nil) }
