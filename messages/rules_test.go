package messages

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// rows returns the lines of a table in testdata/apache, split at sep.
func rows(t testing.TB, name, sep string) [][]string {
	var out [][]string
	for line := range strings.Lines(string(golden(t, name))) {
		out = append(out, strings.Split(strings.TrimSuffix(line, "\n"), sep))
	}
	require.NotEmpty(t, out)
	return out
}

// unquote returns the text of a JSON string, "" for null.
func unquote(t *testing.T, text string) (s string) {
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	return s
}

func unhex(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

func TestCodesAndNamesAreApaches(t *testing.T) {
	want := rows(t, "request_codes.txt", " ")
	codes := RequestCodes()
	require.Len(t, codes, len(want))
	require.True(t, slices.IsSorted(codes))
	for i, c := range codes {
		require.Equal(t, want[i], []string{strconv.Itoa(int(c)), c.String()})
	}
	require.Equal(t, "UNKNOWN_9999", RequestCode(9999).String())

	responses := rows(t, "response_codes.txt", " ")
	require.Len(t, responseCodeNames, len(responses))
	for _, row := range responses {
		n, err := strconv.Atoi(row[0])
		require.NoError(t, err)
		require.Equal(t, row[1], ResponseCode(n).String())
	}
	require.Equal(t, "UNKNOWN_9999", ResponseCode(9999).String())

	for _, row := range rows(t, "languages.txt", " ") {
		n, err := strconv.Atoi(row[0])
		require.NoError(t, err)
		require.Equal(t, row[1], Language(n).String())
		require.Equal(t, Language(n), ParseLanguage([]byte(row[1])))
		require.Equal(t, Language(n), ParseLanguage([]byte(row[0])))
	}
	require.Equal(t, "OTHER", Language(200).String())
	require.Equal(t, Other, ParseLanguage([]byte("COBOL")))
	require.Equal(t, Other, ParseLanguage([]byte("14")))
	require.Equal(t, Other, ParseLanguage([]byte("-1")))
}

func TestHashCodeIsJavas(t *testing.T) {
	for _, row := range rows(t, "hash_codes.txt", " ") {
		want, err := strconv.ParseInt(row[1], 10, 32)
		require.NoError(t, err)
		require.Equal(t, int32(want), HashCode(unhex(t, row[0])), row[0])
	}
	require.EqualValues(t, -2147483648, TagsCode([]byte("polygenelubricants")), "sign-extended")
}

func TestBuildSubscriptionIsJavas(t *testing.T) {
	for _, row := range rows(t, "subscriptions.txt", "\t") {
		expressionType, expression := unquote(t, row[0]), unquote(t, row[1])
		s, err := BuildSubscription("T", expression, expressionType)
		if row[2] == "error" {
			require.Error(t, err, expression)
			continue
		}
		require.NoError(t, err, expression)
		require.Equal(t, unquote(t, row[2]), s.SubString)
		require.Equal(t, unquote(t, row[3]), s.ExpressionType)
		var tags []string
		var codes []int64
		require.NoError(t, json.Unmarshal([]byte(row[4]), &tags))
		require.NoError(t, json.Unmarshal([]byte(row[5]), &codes))
		require.ElementsMatch(t, tags, s.TagsSet, expression)
		if s.ExpressionType == ExpressionTag {
			require.ElementsMatch(t, codes, s.TagCodes(), expression)
		}
		require.Equal(t, s.SubString == "*", s.MatchesAll())
	}
}

func TestNamesAreCheckedAsInJava(t *testing.T) {
	remark := func(err error) string {
		if err == nil {
			return ""
		}
		var wrong *NameError
		require.ErrorAs(t, err, &wrong)
		return wrong.Error()
	}
	for _, row := range rows(t, "names.txt", "\t") {
		name := unquote(t, row[0])
		require.Equal(t, unquote(t, row[1]), remark(CheckTopic(name)))
		require.Equal(t, unquote(t, row[2]), remark(CheckGroup(name)))
	}
	topic := []byte("Topic-a")
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = CheckTopicBytes(topic) }))
}

func TestSystemTopicsAreApaches(t *testing.T) {
	system, forbidden := 0, 0
	for _, row := range rows(t, "topics.txt", " ") {
		require.True(t, IsSystemTopic(row[1]), row[1])
		if row[0] == "system" {
			system++
		} else {
			forbidden++
			require.True(t, IsForbiddenTopic([]byte(row[1])), row[1])
		}
	}
	require.Len(t, systemTopics, system)
	require.Len(t, forbiddenTopics, forbidden)
	require.True(t, IsSystemTopic(TopicTimer))
	require.False(t, IsSystemTopic("T"))
	require.False(t, IsForbiddenTopic([]byte(TopicDefault)))
}

func TestTopicsOfGroups(t *testing.T) {
	require.Equal(t, "%RETRY%g", RetryTopic("g"))
	require.Equal(t, "%DLQ%g", DLQTopic("g"))
	require.Equal(t, "c_REPLY_TOPIC", ReplyTopic("c"))
	for _, topic := range []string{"%RETRY%g", "%DLQ%g", "g"} {
		require.Equal(t, "g", GroupOf(topic))
		require.Equal(t, topic == "%RETRY%g", IsRetryTopic([]byte(topic)))
		require.Equal(t, topic == "%DLQ%g", IsDLQTopic([]byte(topic)))
	}
	require.False(t, IsRetryTopic([]byte("%RETRY")))
	require.True(t, IsSystemGroup("CID_RMQ_SYS_TRANS"))
	require.False(t, IsSystemGroup("CG"))
}

func TestOffsetMsgIDsAreApaches(t *testing.T) {
	for _, row := range rows(t, "msgids.txt", " ") {
		addr := netip.MustParseAddr(row[0])
		port, err := strconv.ParseUint(row[1], 10, 16)
		require.NoError(t, err)
		phys, err := strconv.ParseInt(row[2], 10, 64)
		require.NoError(t, err)
		host := netip.AddrPortFrom(addr, uint16(port))
		require.Equal(t, row[3], EncodeOffsetMsgID(host, phys))
		for _, id := range []string{row[3], strings.ToLower(row[3])} {
			gotHost, gotPhys, err := DecodeOffsetMsgID(id)
			require.NoError(t, err)
			require.Equal(t, host, gotHost)
			require.Equal(t, phys, gotPhys)
		}
	}
	for _, id := range []string{"", "7F", strings.Repeat("0", 30), strings.Repeat("0", 34), strings.Repeat("G", 32),
		"7F000001000100000000000000000000"} {
		_, _, err := DecodeOffsetMsgID(id)
		require.Error(t, err, id)
	}
}

func TestUniqKeys(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	now := time.Date(2024, 2, 29, 23, 59, 59, 1e6, zone)
	keys := NewUniqKeys(netip.MustParseAddr("10.0.0.9"), 0x1234, 0x56789ABC)
	since := (29*24*3600-1)*1000 + 1 // more than an int32
	require.Equal(t, "0A000009"+"1234"+"56789ABC"+fmt.Sprintf("%08X", since)+"0001", keys.Next(now))
	require.Equal(t, "0002", keys.Next(now)[28:])
	require.Len(t, NewUniqKeys(netip.MustParseAddr("::1"), 1, 2).Next(now), 56)

	id := keys.Next(now)
	for _, later := range []time.Duration{time.Millisecond, time.Hour, 27 * 24 * time.Hour} {
		at, err := UniqKeyTime(id, now.Add(later))
		require.NoError(t, err)
		require.Equal(t, now, at, "a later month has begun")
	}
	_, err := UniqKeyTime("0A", now)
	require.Error(t, err)

	require.Equal(t, "7F000001"+"00000005"+"00000000000000FF", NewUniqKey(5, netip.MustParseAddr("127.0.0.1"), 0xFF))
}

func TestUniqKeysDiffer(t *testing.T) {
	keys := NewUniqKeys(netip.MustParseAddr("10.0.0.9"), 1, 1)
	seen := make(map[string]bool)
	for range 1 << 16 { // the counter's range, within one millisecond
		seen[keys.Next(time.UnixMilli(0))] = true
	}
	require.Len(t, seen, 1<<16)
}

func TestDelayLevels(t *testing.T) {
	levels, err := ParseDelayLevels(DefaultDelayLevels)
	require.NoError(t, err)
	require.Equal(t, 18, levels.Max())
	for level, want := range map[int]time.Duration{1: time.Second, 4: 30 * time.Second, 5: time.Minute, 17: time.Hour, 18: 2 * time.Hour} {
		require.Equal(t, want.Milliseconds(), levels.Millis(level))
	}
	for level, want := range map[int]int{-1: 0, 0: 0, 1: 1, 18: 18, 19: 18, 1 << 30: 18} {
		require.Equal(t, want, levels.Clamp(level))
	}

	levels, err = ParseDelayLevels(" 0s  2d ")
	require.NoError(t, err)
	require.Equal(t, DelayLevels{0, 48 * 3600 * 1000}, levels)
	for _, text := range []string{"", " ", "1", "s", "1w", "-1s", "1.5s", "1s,2s", "99999999999s", "1S"} {
		_, err := ParseDelayLevels(text)
		require.Error(t, err, text)
	}
}

func TestDataVersionsAreOrdered(t *testing.T) {
	ordered := []DataVersion{
		{}, {Timestamp: 5}, {Counter: 1}, {Counter: 1, Timestamp: 3}, {Counter: 2}, {StateVersion: 1}, {StateVersion: 1, Counter: 1},
	}
	for i, older := range ordered {
		require.False(t, older.Newer(older))
		for _, newer := range ordered[i+1:] {
			require.True(t, newer.Newer(older))
			require.False(t, older.Newer(newer))
		}
	}
	v := DataVersion{Counter: 7, StateVersion: 2, Timestamp: 100}
	v.Next(50)
	require.Equal(t, DataVersion{Counter: 8, StateVersion: 2, Timestamp: 50}, v, "a clock that went back")
}

func TestTopicConfigEqualAndClone(t *testing.T) {
	clone := goldenTopic.Clone()
	require.Equal(t, goldenTopic, clone)
	require.True(t, goldenTopic.Equal(clone))
	for name, change := range map[string]func(*TopicConfig){
		"name":       func(c *TopicConfig) { c.TopicName = "U" },
		"read":       func(c *TopicConfig) { c.ReadQueueNums++ },
		"write":      func(c *TopicConfig) { c.WriteQueueNums++ },
		"perm":       func(c *TopicConfig) { c.Perm++ },
		"filter":     func(c *TopicConfig) { c.TopicFilterType = SingleTag },
		"sysFlag":    func(c *TopicConfig) { c.TopicSysFlag++ },
		"order":      func(c *TopicConfig) { c.Order = false },
		"attributes": func(c *TopicConfig) { c.Attributes["message.type"] = "DELAY" },
	} {
		other := goldenTopic.Clone()
		change(other)
		require.False(t, goldenTopic.Equal(other), name)
	}
}

// Any text that is UTF-8 hashes as in Java, whose strings are UTF-16.
func TestHashCodeOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		var want int32
		for _, c := range text {
			if c < 0x10000 {
				want = 31*want + c
				continue
			}
			want = 31*want + 0xD800 + (c-0x10000)>>10
			want = 31*want + 0xDC00 + (c-0x10000)&0x3FF
		}
		if got := HashCode([]byte(text)); got != want {
			t.Fatalf("%q: got %d, want %d", text, got, want)
		}
	})
}

func FuzzHashCode(f *testing.F) {
	f.Add([]byte("TagA"))
	f.Add([]byte{0xED, 0xA0, 0x80, 0xF0, 0x9F})
	f.Fuzz(func(_ *testing.T, text []byte) { HashCode(text) })
}

func FuzzDecodeOffsetMsgID(f *testing.F) {
	f.Add("7F000001000078BF0000000000000000")
	f.Fuzz(func(t *testing.T, id string) {
		host, phys, err := DecodeOffsetMsgID(id)
		if err == nil && !host.Addr().Is4In6() {
			require.Equal(t, strings.ToUpper(id), EncodeOffsetMsgID(host, phys))
		}
	})
}
