package actormq

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/consumer"
)

// golden are the offsets of testdata/apache/offsets.json, which the Java client
// 5.5.0 wrote.
func golden() map[consumer.Queue]int64 {
	return map[consumer.Queue]int64{
		{Topic: "topic-1", BrokerName: "broker-a", QueueID: 0}:      3,
		{Topic: "topic-1", BrokerName: "broker-a", QueueID: 11}:     12345678901,
		{Topic: "%RETRY%group", BrokerName: "broker-b", QueueID: 1}: 0,
	}
}

func TestOffsetFileOfJava(t *testing.T) {
	f, err := openOffsetFile("testdata/apache/offsets.json", "", "")
	require.NoError(t, err)
	require.Equal(t, golden(), f.known)
}

func TestOffsetFileIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client", "group", "offsets.json")
	f, err := openOffsetFile(path, "", "")
	require.NoError(t, err)
	var all []consumer.Offset
	for q, offset := range golden() {
		_, known := f.get(q)
		require.False(t, known)
		all = append(all, consumer.Offset{Queue: q, Offset: offset})
	}
	require.NoError(t, f.set(all))
	again, err := openOffsetFile(path, "", "")
	require.NoError(t, err)
	require.Equal(t, golden(), again.known)
}

func TestADamagedOffsetFileGivesWayToTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "offsets.json")
	q := consumer.Queue{Topic: "t", BrokerName: "b"}
	f, err := openOffsetFile(path, "", "")
	require.NoError(t, err)
	require.NoError(t, f.set([]consumer.Offset{{Queue: q, Offset: 1}}))
	require.NoError(t, f.set([]consumer.Offset{{Queue: q, Offset: 2}}))
	for _, damage := range []string{"", "{", `{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"t"}:-3}}`} {
		require.NoError(t, os.WriteFile(path, []byte(damage), 0o600))
		again, err := openOffsetFile(path, "", "")
		require.NoError(t, err, "%q", damage)
		offset, known := again.get(q)
		require.True(t, known)
		require.EqualValues(t, 1, offset)
	}
	require.NoError(t, os.WriteFile(path+".bak", []byte("}"), 0o600))
	_, err = openOffsetFile(path, "", "")
	require.Error(t, err, "better no consumer than one that begins anywhere")
}

func FuzzOffsetFile(f *testing.F) {
	text, err := os.ReadFile("testdata/apache/offsets.json")
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"offsetTable":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := decodeOffsets(text)
		if err != nil {
			return
		}
		known := make(map[consumer.Queue]int64)
		for _, e := range table {
			known[e.Queue] = e.Value
		}
		again, err := encodeOffsets(known)
		require.NoError(t, err)
		decoded, err := decodeOffsets(again)
		require.NoError(t, err)
		require.Len(t, decoded, len(known))
		for _, e := range decoded {
			require.Equal(t, known[e.Queue], e.Value)
		}
	})
}
