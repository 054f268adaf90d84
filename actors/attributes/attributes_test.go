package attributes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rules = Rules{
	"message.type":          {Changeable: true, Values: []string{"NORMAL", "FIFO"}},
	"reserve.time":          {Changeable: true, Min: -1, Max: 1 << 40},
	"lite.topic.expiration": {Changeable: true, Min: -1, Max: 43200},
	"queue.type":            {Values: []string{"SimpleCQ"}},
	"lite.bind.topic":       {Changeable: true, Any: true},
}

// Whatever an operator sends, no attribute comes out that could not be set alone,
// and nothing that was there is changed by a refused request.
func FuzzAttributes(f *testing.F) {
	for _, seed := range []string{
		"", "+message.type=FIFO", "+message.type=FIFO,+reserve.time=7,-lite.topic.expiration",
		"-message.type", "=", "+=", "+", "-", ",", "+a=b=c", "++message.type=FIFO", "+message.type=", "+reserve.time=-1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		current := map[string]string{"message.type": "NORMAL", "lite.topic.expiration": "5"}
		changes, err := Parse(text)
		if err != nil {
			return
		}
		result, err := rules.Alter(false, current, changes)
		require.Equal(t, map[string]string{"message.type": "NORMAL", "lite.topic.expiration": "5"}, current)
		if err != nil {
			require.Nil(t, result)
			return
		}
		for key, value := range result {
			a, known := rules[key]
			require.True(t, known, key)
			require.NoError(t, a.Verify(value))
			if current[key] != value {
				require.Contains(t, text, "+"+key+"="+value)
			}
		}
		for key := range current {
			if _, kept := result[key]; !kept {
				require.True(t, strings.Contains(text, "-"+key))
			}
		}
	})
}
