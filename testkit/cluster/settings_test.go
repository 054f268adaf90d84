package cluster_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/sim"
)

const confFile = "/etc/broker.conf"

func writeFile(t *testing.T, fs vfs.FS, name, text string) {
	require.NoError(t, fs.MkdirAll("/etc"))
	f, err := fs.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(text), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func readFile(t *testing.T, fs vfs.FS, name string) string {
	f, err := fs.Open(name)
	require.NoError(t, err)
	size, err := f.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		require.ErrorIs(t, err, io.EOF)
	}
	require.NoError(t, f.Close())
	return string(b)
}

// What an operator changes is in the configuration file afterwards, with the rest of it
// as it was, and holds for the next start.
func TestChangedSettingsAreKeptInTheFile(t *testing.T) {
	w := sim.New(1, sim.Options{})
	h := w.Host("broker")
	const before = "# the night is quiet\nfileReservedTime = 48\n"
	writeFile(t, h.Env().FS, confFile, before)
	b := cluster.StartBroker(t, w, h, func(c *config.Broker) { c.File = confFile })
	client := b.Dial(w.Host("operator"))
	change := func(text string) messages.ResponseCode {
		response, err := client.Call(&messages.Command{Code: int32(messages.CodeUpdateBrokerConfig), Body: []byte(text)})
		require.NoError(t, err)
		return messages.ResponseCode(response.Code)
	}
	require.Equal(t, messages.InvalidParameter, change("listenPort=1234\nfileReservedTime=1"))
	require.Equal(t, before, readFile(t, h.Env().FS, confFile))

	require.Equal(t, messages.Success, change("fileReservedTime=24\nslaveReadEnable=true"))
	const after = "# the night is quiet\nfileReservedTime=24\nslaveReadEnable=true\n"
	require.Equal(t, after, readFile(t, h.Env().FS, confFile))
	require.Equal(t, before, readFile(t, h.Env().FS, confFile+".bak"))
	c, warnings, err := config.LoadBroker(bytes.NewReader([]byte(after)), confFile)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, 24, c.FileReservedTime)
	require.True(t, c.SlaveReadEnable)
}

// A file that cannot be written keeps the change from lasting, not from counting.
func TestChangedSettingsCountWithoutTheFile(t *testing.T) {
	w := sim.New(1, sim.Options{})
	b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) { c.File = "/no/such/place/broker.conf" })
	client := b.Dial(w.Host("operator"))
	response, err := client.Call(&messages.Command{Code: int32(messages.CodeUpdateBrokerConfig), Body: []byte("brokerPermission=4")})
	require.NoError(t, err)
	require.Zero(t, response.Code)
	response, err = client.Call(&messages.Command{Code: int32(messages.CodeGetBrokerConfig)})
	require.NoError(t, err)
	require.Contains(t, string(response.Body), "brokerPermission=4\n")
	require.Regexp(t, `^\{"counter":1,"stateVersion":0,"timestamp":\d+\}$`, response.Ext.Text("version"))
}
