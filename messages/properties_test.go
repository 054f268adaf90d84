package messages_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/messages"
)

// TestPropertiesAreThoseOfEachProperty compares both ways to read a text.
func TestPropertiesAreThoseOfEachProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringOf(rapid.SampledFrom([]rune("ab\x01\x02"))).Draw(t, "text"))
		want := make(map[string]string)
		messages.EachProperty(text, func(name, value []byte) bool {
			want[string(name)] = string(value)
			return true
		})
		require.Equal(t, want, messages.Properties(text))
	})
}
