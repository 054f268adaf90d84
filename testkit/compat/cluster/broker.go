package cluster

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// BrokerConfig describes a broker. Filled in by StartBroker, it starts the same
// broker again: same port, same store.
type BrokerConfig struct {
	Name       string // brokerName; broker-a if empty
	Cluster    string // brokerClusterName; compat if empty
	NameServer string // host:port
	Port       int    // the port clients use; 0 chooses one
	Store      string // storePathRootDir; empty makes one

	// Conf holds further lines of broker.conf, which win over the suite's.
	Conf map[string]string
}

// DelayLevels is the messageDelayLevel of every broker here: level 2 is long
// enough to be measured, all others, which retries use, are short.
const DelayLevels = "1s 3s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s"

// Broker is a running broker.
type Broker struct {
	*process
	Config BrokerConfig // complete: hand it to StartBroker to start it again
	Addr   string       // host:port
}

// StartBroker starts a master broker and waits until its port accepts
// connections and its name server lists it.
func (l *Launcher) StartBroker(kind Kind, c BrokerConfig) (*Broker, error) {
	home, err := l.home("broker")
	if err != nil {
		return nil, err
	}
	if err := c.complete(home); err != nil {
		return nil, err
	}
	proc, err := l.start(kind, "broker", home, c.properties())
	if err != nil {
		return nil, err
	}
	b := &Broker{process: proc, Config: c, Addr: local(c.Port)}
	return b, proc.ready(func() bool { return accepts(b.Addr) && listed(c.NameServer, c.Name, b.Addr) })
}

func (c *BrokerConfig) complete(home string) error {
	if c.Name == "" {
		c.Name = "broker-a"
	}
	if c.Cluster == "" {
		c.Cluster = "compat"
	}
	if c.Store == "" {
		c.Store = filepath.Join(home, "store")
	}
	if c.Port == 0 {
		port, err := freePort(-2, 1) // Apache: the fast listener and HA
		if err != nil {
			return err
		}
		c.Port = port
	}
	return nil
}

// properties is the broker.conf of c.
func (c *BrokerConfig) properties() properties {
	p := properties{
		"brokerClusterName":       c.Cluster,
		"brokerName":              c.Name,
		"brokerId":                "0",
		"brokerIP1":               "127.0.0.1",
		"brokerIP2":               "127.0.0.1",
		"listenPort":              strconv.Itoa(c.Port),
		"haListenPort":            strconv.Itoa(c.Port + 1),
		"namesrvAddr":             c.NameServer,
		"storePathRootDir":        c.Store,
		"storePathCommitLog":      filepath.Join(c.Store, "commitlog"),
		"mappedFileSizeCommitLog": strconv.Itoa(64 << 20),
		"flushDiskType":           "ASYNC_FLUSH",
		"messageDelayLevel":       DelayLevels,
		// A busy test machine must not make the broker shed load or refuse for
		// want of disk: these cases are not about that.
		"waitTimeMillsInSendQueue":    "5000",
		"osPageCacheBusyTimeOutMills": "5000",
		"diskMaxUsedSpaceRatio":       "95",
	}
	maps.Copy(p, c.Conf)
	return p
}

// Restart stops b with sig and starts it again from the same store.
func (l *Launcher) Restart(kind Kind, b *Broker, sig os.Signal) (*Broker, error) {
	if err := b.Stop(sig); err != nil {
		return nil, err
	}
	return l.StartBroker(kind, b.Config)
}

// properties is a Java properties file without anything that needs escaping.
type properties map[string]string

func (p properties) encode() []byte {
	var out bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&out, "%s=%s\n", key, p[key])
	}
	return out.Bytes()
}

// listed reports whether the name server at addr knows a broker by that name and
// address. The table is JSON with bare numbers as keys, as fastjson writes it, so
// it is looked into as text. (RocketMQ: ClusterInfo)
func listed(nameServer, broker, addr string) bool {
	table, err := clusterTable(nameServer)
	return err == nil && strings.Contains(table, `"brokerName":"`+broker+`"`) && strings.Contains(table, `"`+addr+`"`)
}
