package config

import (
	"errors"
	"fmt"
	"io"
)

// NameServer is the configuration of a name server (RocketMQ: NamesrvConfig,
// NettyServerConfig). Times without a unit in their name are milliseconds.
type NameServer struct {
	BindAddress string `conf:"bindAddress"`
	ListenPort  int    `conf:"listenPort"` // 0 picks a free one
	// KVConfigPath is where the KV configuration is kept; empty keeps it in memory.
	KVConfigPath string `conf:"kvConfigPath"`
	// ScanNotActiveBrokerInterval is how often brokers without a sign of life are
	// looked for.
	ScanNotActiveBrokerInterval     int64 `conf:"scanNotActiveBrokerInterval"`
	OrderMessageEnable              bool  `conf:"orderMessageEnable"`
	ReturnOrderTopicConfigToBroker  bool  `conf:"returnOrderTopicConfigToBroker"`
	ClusterTest                     bool  `conf:"clusterTest"`
	SupportActingMaster             bool  `conf:"supportActingMaster"`
	EnableAllTopicList              bool  `conf:"enableAllTopicList"`
	EnableTopicList                 bool  `conf:"enableTopicList"`
	NotifyMinBrokerIDChanged        bool  `conf:"notifyMinBrokerIdChanged"`
	NeedWaitForService              bool  `conf:"needWaitForService"`
	WaitSecondsForService           int   `conf:"waitSecondsForService"`
	DeleteTopicWithRegistration     bool  `conf:"deleteTopicWithBrokerRegistration"`
	ServerChannelMaxIdleTimeSeconds int   `conf:"serverChannelMaxIdleTimeSeconds"`
	FrameMaxLength                  int   `conf:"frameMaxLength"` // bytes
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

// Validate checks what does not fit together.
func (c *NameServer) Validate() error {
	var errs []error
	if c.ListenPort < 0 || c.ListenPort > 65535 {
		errs = append(errs, fmt.Errorf("listenPort=%d is no port", c.ListenPort))
	}
	if c.ScanNotActiveBrokerInterval <= 0 {
		errs = append(errs, fmt.Errorf("scanNotActiveBrokerInterval=%d is not positive", c.ScanNotActiveBrokerInterval))
	}
	if c.FrameMaxLength < 64<<10 || c.FrameMaxLength > 0x16<<24 {
		errs = append(errs, fmt.Errorf("frameMaxLength=%d is not between 64 KiB and 352 MiB", c.FrameMaxLength))
	}
	return errors.Join(errs...)
}
