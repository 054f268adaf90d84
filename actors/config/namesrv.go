package config

import (
	"errors"
	"io"
)

// NameServer is the configuration of a name server (RocketMQ: NamesrvConfig,
// NettyServerConfig). Times without a unit in their name are milliseconds.
type NameServer struct {
	// BindAddress and ListenPort are what to listen on; port 0 picks a free one.
	BindAddress string `conf:"bindAddress"`
	ListenPort  int    `conf:"listenPort" range:"0,65535"`
	// KVConfigPath is where the KV configuration is kept; empty keeps it in memory.
	KVConfigPath string `conf:"kvConfigPath"`
	// ScanNotActiveBrokerInterval is how often brokers without a sign of life are
	// looked for.
	ScanNotActiveBrokerInterval int64 `conf:"scanNotActiveBrokerInterval" range:"1,"`
	// OrderMessageEnable has routes tell the queues of ordered topics.
	OrderMessageEnable bool `conf:"orderMessageEnable"`
	// ReturnOrderTopicConfigToBroker has brokers told the ordered topics.
	ReturnOrderTopicConfigToBroker bool `conf:"returnOrderTopicConfigToBroker"`
	// ClusterTest has the routes of unknown topics looked up elsewhere in Apache's.
	ClusterTest bool `conf:"clusterTest"`
	// SupportActingMaster has the lowest slave of a broker without a master stand in
	// for it in routes.
	SupportActingMaster bool `conf:"supportActingMaster"`
	// EnableAllTopicList and EnableTopicList allow the lists of topics.
	EnableAllTopicList bool `conf:"enableAllTopicList"`
	EnableTopicList    bool `conf:"enableTopicList"`
	// NotifyMinBrokerIDChanged has the members of a broker told who stands in for the
	// master.
	NotifyMinBrokerIDChanged bool `conf:"notifyMinBrokerIdChanged"`
	// NeedWaitForService has routes refused in the first WaitSecondsForService, until
	// the brokers have registered.
	NeedWaitForService    bool `conf:"needWaitForService"`
	WaitSecondsForService int  `conf:"waitSecondsForService" range:"0,"`
	// DeleteTopicWithRegistration has topics go that a broker registers no more.
	DeleteTopicWithRegistration bool `conf:"deleteTopicWithBrokerRegistration"`
	// ServerChannelMaxIdleTimeSeconds is how long a connection may be silent.
	ServerChannelMaxIdleTimeSeconds int `conf:"serverChannelMaxIdleTimeSeconds" range:"1,"`
	// FrameMaxLength bounds a frame, in bytes, see Broker.
	FrameMaxLength int `conf:"frameMaxLength" range:"65536,369098752"`
}

// DefaultNameServer returns Apache's defaults.
func DefaultNameServer() NameServer {
	return NameServer{
		BindAddress: "0.0.0.0", ListenPort: 9876, ScanNotActiveBrokerInterval: 5_000,
		ReturnOrderTopicConfigToBroker: true, EnableAllTopicList: true, EnableTopicList: true,
		WaitSecondsForService: 45, ServerChannelMaxIdleTimeSeconds: 120, FrameMaxLength: 16 << 20,
	}
}

// LoadNameServer reads a namesrv.conf over the defaults. It fails with a
// *ValueError, which names the line.
func LoadNameServer(r io.Reader, name string) (NameServer, []Warning, error) {
	c := DefaultNameServer()
	warnings, err := load(r, name, &c, knownNameServer)
	return c, warnings, err
}

// Properties returns the configuration as the text of a namesrv.conf, sorted.
func (c NameServer) Properties() string { return properties(&c) }

// Validate checks the fields' values. The error names every key that is wrong.
func (c *NameServer) Validate() error { return errors.Join(outOfRange(c)...) }
