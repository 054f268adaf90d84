package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPropertySyntax(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []entry
	}{
		"the three separators":        {"a=1\nb:2\nc 3\n", []entry{{1, "a", "1"}, {2, "b", "2"}, {3, "c", "3"}}},
		"blanks around them":          {"  a  =  1 2 \n", []entry{{1, "a", "1 2 "}}},
		"comments and empty lines":    {"# x\n\n! y\na=1\n", []entry{{4, "a", "1"}}},
		"a line that goes on":         {"a=1,\\\n   2\nb=3\n", []entry{{1, "a", "1,2"}, {3, "b", "3"}}},
		"a backslash that is escaped": {"a=1\\\\\nb=2\n", []entry{{1, "a", "1\\"}, {2, "b", "2"}}},
		"escapes":                     {"a\\=b=\\u4e2d\\t\\:x\n", []entry{{1, "a=b", "中\t:x"}}},
		"a malformed escape":          {"a=\\uzz\n", []entry{{1, "a", "uzz"}}},
		"a key alone":                 {"a\n", []entry{{1, "a", ""}}},
		"a value with separators":     {"namesrvAddr=1.2.3.4:9876;b:9876\n", []entry{{1, "namesrvAddr", "1.2.3.4:9876;b:9876"}}},
		"lines of Windows":            {"a=1\r\nb=2\r\n", []entry{{1, "a", "1"}, {2, "b", "2"}}},
		"no line end at the end":      {"a=1", []entry{{1, "a", "1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := scan(strings.NewReader(c.text))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestBrokerConfOfApache(t *testing.T) {
	c, warnings, err := LoadBroker(strings.NewReader(`
brokerClusterName = DefaultCluster
brokerName = broker-b
brokerId = 0
deleteWhen = 04
fileReservedTime = 48
brokerRole = ASYNC_MASTER
flushDiskType = SYNC_FLUSH
storePathRootDir=/data/store
`), "broker.conf")
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.NoError(t, c.Validate())
	require.Equal(t, "broker-b", c.BrokerName)
	require.Equal(t, 48, c.FileReservedTime)
	require.Equal(t, SyncFlush, c.FlushDiskType)
	require.Equal(t, DefaultBroker().ListenPort, c.ListenPort, "what is not set keeps its default")
}

func TestLinesWithoutEffectAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ line, warning string }{
		"unknown":                          {"brokrName=x", "broker.conf:1: brokrName: unknown key"},
		"known and not supported":          {"enableControllerMode=true", "broker.conf:1: enableControllerMode: not supported, the line has no effect"},
		"not supported, at its default":    {"enableControllerMode=false", ""},
		"supported":                        {"brokerName=x", ""},
		"a default that depends on a host": {"sendMessageThreadPoolNums=4", "broker.conf:1: sendMessageThreadPoolNums: not supported, the line has no effect"},
	} {
		t.Run(name, func(t *testing.T) {
			_, warnings, err := LoadBroker(strings.NewReader(c.line), "broker.conf")
			require.NoError(t, err)
			if c.warning == "" {
				require.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1)
			require.Equal(t, c.warning, warnings[0].String())
		})
	}
}

func TestBadValueStopsTheStartWithItsLine(t *testing.T) {
	for line, want := range map[string]string{
		"listenPort=many":                     "broker.conf:2: listenPort=many is not a whole number that fits",
		"autoCreateTopicEnable=perhaps":       "broker.conf:2: autoCreateTopicEnable=perhaps is not true or false",
		"defaultTopicQueueNums=9999999999999": "broker.conf:2: defaultTopicQueueNums=9999999999999 is not a whole number that fits",
	} {
		_, _, err := LoadBroker(strings.NewReader("# a comment\n"+line), "broker.conf")
		var value *ValueError
		require.ErrorAs(t, err, &value)
		require.EqualError(t, err, want)
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	for key, change := range map[string]func(*Broker){
		"brokerId=0":              func(c *Broker) { c.BrokerRole = Slave },
		"haMasterAddress":         func(c *Broker) { c.HAMasterAddress = "master" },
		"brokerId":                func(c *Broker) { c.BrokerID = 1 },
		"flushDiskType":           func(c *Broker) { c.FlushDiskType = "SOMETIMES" },
		"listenPort":              func(c *Broker) { c.ListenPort = 2 },
		"brokerIP1":               func(c *Broker) { c.BrokerIP1 = "example.org" },
		"deleteWhen":              func(c *Broker) { c.DeleteWhen = "04;24" },
		"brokerPermission":        func(c *Broker) { c.BrokerPermission = 8 },
		"brokerClusterName":       func(c *Broker) { c.BrokerClusterName = "" },
		"maxMessageSize":          func(c *Broker) { c.MaxMessageSize = 0 },
		"messageDelayLevel":       func(c *Broker) { c.MessageDelayLevel = "1s soon" },
		"diskMaxUsedSpaceRatio":   func(c *Broker) { c.DiskMaxUsedSpaceRatio = 101 },
		"flushIntervalCommitLog":  func(c *Broker) { c.FlushIntervalCommitLog = 0 },
		"storePathCommitLog":      func(c *Broker) { c.StorePathCommitLog = "/a,/b" },
		"frameMaxLength":          func(c *Broker) { c.FrameMaxLength = 1 },
		"mappedFileSizeCommitLog": func(c *Broker) { c.MappedFileSizeCommitLog = 10 },
	} {
		t.Run(key, func(t *testing.T) {
			c := DefaultBroker()
			require.NoError(t, c.Validate())
			change(&c)
			require.ErrorContains(t, c.Validate(), key)
		})
	}
}

func TestPropertiesReadBackTheSame(t *testing.T) {
	broker := DefaultBroker()
	broker.NamesrvAddr, broker.ListenPort, broker.TraceOn = "a:1;b:2", 12345, false
	again, warnings, err := LoadBroker(strings.NewReader(broker.Properties()), "again")
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, broker, again)
	require.Equal(t, []string{"a:1", "b:2"}, again.NameServers())

	names := DefaultNameServer()
	names.ListenPort = 1
	namesAgain, _, err := LoadNameServer(strings.NewReader(names.Properties()), "again")
	require.NoError(t, err)
	require.Equal(t, names, namesAgain)
}

// A key that is spelt as no key of Apache's would be ignored by everybody else's
// tools.
func TestEveryKeyIsOneOfApaches(t *testing.T) {
	ours := map[string]bool{
		"frameMaxLength":  true, // a system property there
		"timerWheelSlots": true, // a constant there
	}
	for _, c := range []struct {
		fields map[string]reflect.Value
		apache known
	}{{fieldsOf(&Broker{}), knownBroker()}, {fieldsOf(&NameServer{}), knownNameServer()}} {
		for key := range c.fields {
			_, ok := c.apache[key]
			require.True(t, ok || ours[key], "%s", key)
		}
	}
}

func FuzzLoadBroker(f *testing.F) {
	f.Add("brokerName=x\nlistenPort=1")
	f.Add("a\\\n\\u00e4:\t!")
	f.Add(DefaultBroker().Properties())
	f.Fuzz(func(t *testing.T, text string) {
		c, _, err := LoadBroker(strings.NewReader(text), "fuzz")
		if err != nil {
			return
		}
		// What was read is printed so that it reads the same, unless a text has
		// characters that only escapes could carry.
		again, _, err := LoadBroker(strings.NewReader(c.Properties()), "again")
		if err == nil && !strings.ContainsAny(text, "\\\r\n\t\f") {
			require.Equal(t, c, again)
		}
	})
}

func TestTraceTopic(t *testing.T) {
	c := DefaultBroker()
	require.Empty(t, c.TraceTopic(), "not wanted")
	require.NoError(t, c.Set("traceTopicEnable", "true"))
	require.Equal(t, "RMQ_SYS_TRACE_TOPIC", c.TraceTopic())
	require.NoError(t, c.Set("msgTraceTopicName", "my-traces"))
	require.Equal(t, "my-traces", c.TraceTopic())
	require.NoError(t, c.Validate())
	require.NoError(t, c.Set("msgTraceTopicName", "no topic"))
	require.ErrorContains(t, c.Validate(), "msgTraceTopicName")
}
