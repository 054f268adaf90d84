package storage_test

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
)

// testdata/apache-5.5.0-answers holds stores that a broker of Apache RocketMQ
// 5.5.0 left after a clean stop, and in answers.txt what that broker answered to
// Apache's client about them: the bounds of queues, pulls from all kinds of
// offsets, offsets by time, and messages by key. mappedFileSizeCommitLog was
// 16384, mappedFileSizeConsumeQueue 400, maxHashSlotNum 32 and maxIndexNum 150. In
// the store "expired" the first file of the CommitLog has expired.
func TestAnswersAsApacheDoes(t *testing.T) {
	for _, name := range []string{"all", "expired"} {
		t.Run(name, func(t *testing.T) {
			dir := "testdata/apache-5.5.0-answers/" + name
			s, err := storage.Open(storage.Options{
				FS: copyStore(t, dir), Root: "/store", SegmentSize: 16384, ConsumeQueueSize: 400,
				IndexSlots: 32, IndexEntries: 150, IndexEnabled: true, InMemoryBytes: math.MaxInt64, Now: time.Now,
			})
			require.NoError(t, err)
			answers, err := os.Open(dir + "/answers.txt")
			require.NoError(t, err)
			defer answers.Close()
			lines := 0
			for scanner := bufio.NewScanner(answers); scanner.Scan(); lines++ {
				question, want, _ := strings.Cut(scanner.Text(), " ->")
				if strings.HasPrefix(question, "queue ") {
					question, want, _ = strings.Cut(scanner.Text(), " min=")
					want = "min=" + want
				}
				require.Equal(t, strings.TrimSpace(want), answer(t, s, question), question)
			}
			require.Greater(t, lines, 300)
			require.NoError(t, s.Close())
		})
	}
}

// answer answers a question of answers.txt in its notation.
func answer(t *testing.T, s *storage.Store, question string) string {
	kind, rest, _ := strings.Cut(question, " ")
	topic, rest, _ := strings.Cut(rest, " ")
	switch kind {
	case "queue":
		var id int32
		scan(t, rest, "%d", &id)
		lo, hi, err := s.Bounds(topic, id)
		require.NoError(t, err)
		return fmt.Sprintf("min=%d max=%d earliest=%d", lo, hi, s.EarliestStoreTime(topic, id))
	case "time":
		var id int32
		var at int64
		var boundary string
		scan(t, rest, "%d %d %s", &id, &at, &boundary)
		offset, err := s.OffsetByTime(topic, id, at, boundary == "UPPER")
		require.NoError(t, err)
		return fmt.Sprint(offset)
	case "key":
		return byKey(t, s, topic, rest)
	default:
		return pull(t, s, topic, rest)
	}
}

func scan(t *testing.T, text, format string, values ...any) {
	_, err := fmt.Sscanf(text, format, values...)
	require.NoError(t, err, text)
}

func byKey(t *testing.T, s *storage.Store, topic, key string) string {
	found, err := s.QueryByKey(topic, key, false, 64, 0, math.MaxInt64)
	require.NoError(t, err)
	var places []string
	eachRecord(t, found.Body, func(r *record.Record) { places = append(places, fmt.Sprint(r.PhysOffset)) })
	return strings.Join(places, " ")
}

func eachRecord(t *testing.T, body []byte, visit func(*record.Record)) int {
	n := 0
	for ; len(body) > 0; n++ {
		var r record.Record
		size, err := record.Decode(body, &r)
		require.NoError(t, err)
		visit(&r)
		body = body[size:]
	}
	return n
}

type tagCodes []int64

func (f tagCodes) MatchTagsCode(code int64) bool {
	for _, c := range f {
		if c == code {
			return true
		}
	}
	return false
}

// pullStatus is how Apache's client names an outcome.
var pullStatus = map[storage.GetStatus]string{
	storage.Found:               "FOUND",
	storage.NoMatchedMessage:    "NO_MATCHED_MSG",
	storage.MessageWasRemoving:  "NO_MATCHED_MSG",
	storage.NoMatchedLogicQueue: "NO_NEW_MSG",
	storage.NoMessageInQueue:    "NO_NEW_MSG",
	storage.OffsetFoundNull:     "NO_NEW_MSG",
	storage.OffsetOverflowOne:   "NO_NEW_MSG",
	storage.OffsetOverflowBadly: "OFFSET_ILLEGAL",
	storage.OffsetTooSmall:      "OFFSET_ILLEGAL",
}

func pull(t *testing.T, s *storage.Store, topic, rest string) string {
	var id int32
	var offset int64
	var limit int
	number, rest, _ := strings.Cut(rest, " ")
	expression, rest, _ := strings.Cut(strings.TrimPrefix(rest, `"`), `" `)
	scan(t, number, "%d", &id)
	scan(t, rest, "offset=%d max=%d", &offset, &limit)
	var filter storage.Filter
	if expression != "*" {
		var codes tagCodes
		for tag := range strings.SplitSeq(expression, " || ") {
			codes = append(codes, messages.TagsCode([]byte(tag)))
		}
		filter = codes
	}
	got := s.Get(topic, id, offset, limit, filter, nil)
	require.NoError(t, got.Err)
	var offsets []string
	count := eachRecord(t, got.Body, func(r *record.Record) {
		require.Equal(t, topic, string(r.Topic))
		require.Equal(t, id, r.QueueID)
		offsets = append(offsets, fmt.Sprint(r.QueueOffset))
	})
	require.Equal(t, got.Count, count)
	status := pullStatus[got.Status]
	if offset != 0 && (got.Status == storage.NoMatchedLogicQueue || got.Status == storage.NoMessageInQueue) {
		status = "OFFSET_ILLEGAL" // as PullMessageProcessor says
	}
	return fmt.Sprintf("%s next=%d min=%d max=%d offsets=%s", status, got.Next, got.Min, got.Max, strings.Join(offsets, ","))
}
