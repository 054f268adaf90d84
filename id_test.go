package actormq

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUniqKeyHasJavasLayout(t *testing.T) {
	u := newUniqKeys(netip.MustParseAddr("10.1.2.3"), 7)
	now := time.Date(2026, 3, 1, 0, 0, 1, 0, time.UTC)
	first, second := u.make(now), u.make(now)
	require.Len(t, first, 32)
	require.Equal(t, "0A010203", first[:8], "address")
	require.Equal(t, "00000007", first[12:20], "generator")
	require.Equal(t, "000003E8", first[20:28], "milliseconds of the month")
	require.Equal(t, "0000", first[28:])
	require.Equal(t, "0001", second[28:])
	require.Equal(t, "00000000", u.make(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))[20:28], "a new month")
	require.Equal(t, strings.ToUpper(first), first)

	require.Len(t, newUniqKeys(netip.MustParseAddr("fd00::1"), 7).make(now), 56)
}

func TestUniqKeysDiffer(t *testing.T) {
	u := newUniqKeys(localAddr(), 1)
	seen := make(map[string]bool)
	now := time.Now()
	for range 60_000 {
		seen[u.make(now)] = true
	}
	require.Len(t, seen, 60_000)
}
