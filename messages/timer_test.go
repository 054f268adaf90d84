package messages

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func timerOf(pairs ...string) *Timer {
	var properties []byte
	for i := 0; i < len(pairs); i += 2 {
		properties = AppendProperty(properties, pairs[i], pairs[i+1])
	}
	t := TimerOf(properties)
	return &t
}

func TestWhenTimersAreOut(t *testing.T) {
	const now = 1_700_000_000_500
	rules := TimerRules{Enabled: true, Precision: 1000, MaxDelay: 3 * 24 * 3_600_000}
	for _, c := range []struct {
		name  string
		timer *Timer
		out   int64 // 0: it does not wait
	}{
		{"no timer", timerOf("KEYS", "k"), 0},
		{"after a second", timerOf(PropertyTimerDelaySec, "1"), 1_700_000_001_000},
		{"after half a second, which is the begin of a step", timerOf(PropertyTimerDelayMs, "500"), 1_700_000_000_000},
		{"after 501 ms", timerOf(PropertyTimerDelayMs, "501"), 1_700_000_001_000},
		{"at a time", timerOf(PropertyTimerDeliverMs, "1700000007999"), 1_700_000_007_000},
		{"seconds win", timerOf(PropertyTimerDeliverMs, "1700000099000", PropertyTimerDelaySec, "1", PropertyTimerDelayMs, "9000"), 1_700_000_001_000},
		{"milliseconds win over a time", timerOf(PropertyTimerDelayMs, "9000", PropertyTimerDeliverMs, "1700000099000"), 1_700_000_009_000},
		{"in the past", timerOf(PropertyTimerDeliverMs, "1"), 0},
		{"now", timerOf(PropertyTimerDeliverMs, "1700000000500"), 0},
		{"a negative delay", timerOf(PropertyTimerDelaySec, "-9223372036854775808"), 0},
		{"it has waited", timerOf(PropertyTimerDelaySec, "1", PropertyTimerOutMs, "5"), 0},
		{"three days", timerOf(PropertyTimerDelaySec, "259200"), 1_700_259_200_000},
	} {
		out, waits, err := rules.Out(c.timer, now, false)
		require.NoError(t, err, c.name)
		require.Equal(t, c.out != 0, waits, c.name)
		require.Equal(t, c.out, out, c.name)
	}
	for name, timer := range map[string]*Timer{
		"more than three days": timerOf(PropertyTimerDelaySec, "259201"),
		"far more":             timerOf(PropertyTimerDelaySec, "9223372036854775807"),
		"never":                timerOf(PropertyTimerDeliverMs, "9223372036854775807"),
		"no number":            timerOf(PropertyTimerDeliverMs, "soon"),
	} {
		_, _, err := rules.Out(timer, now, false)
		var refused *Refusal
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, MessageIllegal, refused.Code, name)
	}
	_, _, err := rules.Out(timerOf(PropertyTimerDeliverMs, "1"), now, true)
	require.Error(t, err, "a recall that comes too late")
	rules.Enabled = false
	_, _, err = rules.Out(timerOf(PropertyTimerDelaySec, "1"), now, false)
	require.ErrorContains(t, err, "timerWheelEnable is false")
}

func TestARecallHandleIsApaches(t *testing.T) {
	h := RecallHandle{Topic: "topic", Broker: "broker-0", Deliver: 1707111111111, ID: "unique_key"}
	text := "djEgdG9waWMgYnJva2VyLTAgMTcwNzExMTExMTExMSB1bmlxdWVfa2V5"
	require.Equal(t, text, h.String())
	got, err := ParseRecallHandle(text)
	require.NoError(t, err)
	require.Equal(t, h, got)
	for _, text := range []string{"", "v1", "djE=", "djIgYSBiIDEgYw==", "%%"} {
		_, err := ParseRecallHandle(text)
		require.ErrorIs(t, err, ErrRecallHandle, text)
	}
}

func FuzzParseRecallHandle(f *testing.F) {
	f.Add("djEgdG9waWMgYnJva2VyLTAgMTcwNzExMTExMTExMSB1bmlxdWVfa2V5")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseRecallHandle(text)
		if err != nil {
			return
		}
		again, err := ParseRecallHandle(h.String())
		require.NoError(t, err)
		require.Equal(t, h, again)
	})
}
