package actormq

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// TestAMessageThatItsBrokerDoesNotTakeBack goes to the retry topic at another one.
func TestAMessageThatItsBrokerDoesNotTakeBack(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		attempts  int32
		want, max string
		delay     string
	}{
		"comes again":        {errors.New("no"), 1, "2", "5", "4"},
		"at a level":         {&Retry{Level: 7}, 0, "1", "5", "7"},
		"is put aside":       {errors.New("no"), 5, "6", "5", "8"},
		"is put aside early": {&Retry{Level: DeadLetter}, 0, "6", "5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			given := false
			broker := serve(t, groupScript(func(request *messages.Command) *messages.Command {
				if given || request.Ext.Text("topic") != "t" {
					return nil
				}
				given = true
				response := answer(messages.Success, "nextBeginOffset", 1, "minOffset", 0, "maxOffset", 1, "suggestWhichBrokerId", 0)
				response.Body = encoded(0, []byte("m"), func(r *record.Record) {
					r.ReconsumeTimes = c.attempts
					r.Properties = []byte("UNIQ_KEY\x01the-id\x02own\x01kept\x02DELAY\x013\x02")
				})
				return response
			}))
			script := broker.script
			broker.script = func(request *messages.Command) *messages.Command {
				if request.Code == int32(messages.CodeConsumerSendMsgBack) {
					return answer(messages.SystemError)
				}
				return script(request)
			}
			other := serve(t, acceptAll)
			names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}, "%RETRY%readers": {{"broker-b", other, 1}}})
			running(t, names, ConsumerOptions{MaxAttempts: 5}, func(context.Context, *Received) error { return c.err })
			sent := other.await(messages.CodeSendMessageV2, 1)[0]
			require.Equal(t, "%RETRY%readers", sent.Ext.Text("b"))
			require.Equal(t, c.want, sent.Ext.Text("j"))
			require.Equal(t, c.max, sent.Ext.Text("l"))
			want := map[string]string{"UNIQ_KEY": "the-id", "own": "kept", "RETRY_TOPIC": "t", "ORIGIN_MESSAGE_ID": "the-id"}
			if c.delay != "" {
				want["DELAY"] = c.delay
			}
			require.Equal(t, want, messages.Properties([]byte(sent.Ext.Text("i"))))
			require.Equal(t, "m", string(sent.Body))
			// The message counts as handled.
			require.Eventually(t, func() bool {
				for _, r := range broker.got(messages.CodeUpdateConsumerOffset) {
					if r.Ext.Text("topic") == "t" && r.Ext.Text("commitOffset") == "1" {
						return true
					}
				}
				return false
			}, limit, limit/1000)
		})
	}
}
