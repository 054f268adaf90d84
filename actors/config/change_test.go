package config

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOperatorsChangeWhatIsLive(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		changed    map[string]string
		err        string
	}{
		{"a live key", "brokerPermission=4", map[string]string{"brokerPermission": "4"}, ""},
		{"several, with blanks", "fileReservedTime = 48 \ndeleteWhen=03", map[string]string{"fileReservedTime": "48", "deleteWhen": "03"}, ""},
		{"the value that it has", "brokerPermission=6\nbrokerName=broker-a", map[string]string{}, ""},
		{"a key that is fixed", "listenPort=10912", nil, "listenPort cannot be changed while the broker runs"},
		{"all or nothing", "brokerPermission=4\nlistenPort=10912", nil, "listenPort cannot be changed while the broker runs"},
		{"Apache's default of a key that is not here", "timerPrecisionMs=1000\npullThreadPoolQueueCapacity=100000", map[string]string{}, ""},
		{"another value of it", "pullThreadPoolQueueCapacity=7", nil, "pullThreadPoolQueueCapacity=7 is not supported"},
		{"a key that nobody knows", "noSuchKey=1", map[string]string{}, ""},
		{"a bad value", "brokerPermission=x", nil, "brokerPermission=x is not a whole number that fits"},
		{"a value out of range", "brokerPermission=8", nil, "brokerPermission=8 is not between 0 and 7"},
		{"the black list", "configBlackList=", nil, "Can not update config in black list."},
		{"on the black list", "brokerConfigPath=/etc/passwd", nil, "Can not update config in black list."},
		{"on its own black list", "storePathRootDir=/", nil, "Can not update config in black list."},
		{"nothing", "", map[string]string{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := DefaultBroker()
			c.ConfigBlackList += ";storePathRootDir"
			before := c
			next, changed, err := c.Change([]byte(tc.text))
			require.Equal(t, before, c)
			if tc.err != "" {
				require.EqualError(t, err, tc.err)
				require.Equal(t, before, next)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.changed, changed)
			for key, value := range tc.changed {
				require.Contains(t, next.Properties(), key+"="+value+"\n")
			}
		})
	}
}

func TestChangesOfAFileLeaveTheRest(t *testing.T) {
	const before = "# brokerPermission=2\n" +
		"brokerName = a \n" +
		"  brokerPermission : \\\n   6\r\n" +
		"\n" +
		"fileReservedTime 72\n" +
		"deleteWhen=04"
	const after = "# brokerPermission=2\n" +
		"brokerName = a \n" +
		"brokerPermission=4\n" +
		"\n" +
		"fileReservedTime=48\n" +
		"deleteWhen=04\n" +
		"slaveReadEnable=true\n"
	changes := map[string]string{"brokerPermission": "4", "fileReservedTime": "48", "slaveReadEnable": "true"}
	require.Equal(t, after, string(Edit([]byte(before), changes)))
	require.Equal(t, "brokerPermission=4\n", string(Edit(nil, map[string]string{"brokerPermission": "4"})))
}

// Whatever a file looks like, it has the new value afterwards, and of the other keys
// those that it had.
func FuzzEdit(f *testing.F) {
	for _, seed := range []string{
		"", "deleteWhen=04", "deleteWhen", "deleteWhen=\\", "#deleteWhen=1\\\ndeleteWhen=2", "a=b\\\\\ndeleteWhen:04\nc=d", "!x\\\n\\\n", "a\\\n",
	} {
		f.Add(seed, "05;06")
	}
	f.Add("x=1", "\\ =\n\r")
	f.Fuzz(func(t *testing.T, file, value string) {
		before, err := scan(strings.NewReader(file))
		if err != nil {
			return
		}
		edited := Edit([]byte(file), map[string]string{"deleteWhen": value})
		after, err := scan(bytes.NewReader(edited))
		require.NoError(t, err)
		others := func(entries []entry) (list [][2]string) {
			for _, e := range entries {
				if e.key != "deleteWhen" {
					list = append(list, [2]string{e.key, e.value})
				}
			}
			return list
		}
		require.Equal(t, others(before), others(after), "%q", edited)
		found := false
		for _, e := range after {
			if e.key == "deleteWhen" {
				found = true
				require.Equal(t, value, e.value, "%q", edited)
			}
		}
		require.True(t, found)
	})
}

func FuzzChange(f *testing.F) {
	f.Add([]byte("brokerPermission=4\nfileReservedTime=7"))
	f.Add([]byte("deleteWhen=\\"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := DefaultBroker()
		next, changed, err := c.Change(text)
		if err != nil {
			require.Equal(t, c, next)
			return
		}
		require.NoError(t, next.Validate())
		if len(changed) == 0 {
			require.Equal(t, c, next)
		}
	})
}
