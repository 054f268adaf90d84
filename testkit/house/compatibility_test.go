package house

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/broker"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/messages"
)

// A row of the table of request codes: | 10 | SEND_MESSAGE | broker | … |
var row = regexp.MustCompile(`^\| (\d+) \| ([A-Z0-9_]+) \| ([a-z, ]+) \|`)

// TestCompatibilityListsEveryRequestCode holds docs/compatibility.md to the codes
// of RocketMQ 5.5 and to the handlers that are really there.
func TestCompatibilityListsEveryRequestCode(t *testing.T) {
	text, err := os.ReadFile("../../docs/compatibility.md")
	require.NoError(t, err)
	listed := map[messages.RequestCode]string{}
	for line := range strings.Lines(string(text)) {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		code := messages.RequestCode(n)
		require.NotContains(t, listed, code, "code %d stands twice", n)
		require.Equal(t, code.String(), m[2], "the name of code %d", n)
		listed[code] = m[3]
	}
	for _, code := range messages.RequestCodes() {
		state, ok := listed[code]
		require.True(t, ok, "%d %s is missing", int(code), code)
		words := strings.Split(state, ", ")
		require.Equal(t, slices.Contains(broker.Codes(), code), slices.Contains(words, "broker"),
			"%d %s: %q, but the broker's handlers say otherwise", int(code), code, state)
		require.Equal(t, slices.Contains(namesrv.Codes(), code), slices.Contains(words, "name server"),
			"%d %s: %q, but the name server's handlers say otherwise", int(code), code, state)
	}
	require.Len(t, listed, len(messages.RequestCodes()), "a code that RocketMQ 5.5 does not have")
}
