package registrar

import (
	"hash/crc32"

	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
)

// encoded is the body of a registration of all topics of a table. Every name
// server gets the same, period after period, until a topic changes.
type encoded struct {
	table *topics.Table
	bytes []byte
}

// all returns the body of a registration of all topics.
func (r *registrar) all(table *topics.Table) []byte {
	if r.body.table != table {
		some := make(map[string]*messages.TopicConfig, table.Len())
		for name, config := range table.All() {
			some[name] = r.permitted(config)
		}
		r.body = encoded{table: table, bytes: r.encode(table, some)}
	}
	return r.body.bytes
}

// since returns the topics of table that acked lacks or has otherwise.
func (r *registrar) since(acked, table *topics.Table) map[string]*messages.TopicConfig {
	some := make(map[string]*messages.TopicConfig)
	for name, config := range table.All() {
		if acked.Find(name) != config {
			some[name] = r.permitted(config)
		}
	}
	return some
}

// permitted returns a topic with the permission that the broker allows.
func (r *registrar) permitted(config *messages.TopicConfig) *messages.TopicConfig {
	const readWrite = messages.PermRead | messages.PermWrite
	permission := r.Permission()
	if permission&readWrite == readWrite {
		return config
	}
	limited := config.Clone()
	limited.Perm &= permission
	return limited
}

func (r *registrar) encode(table *topics.Table, some map[string]*messages.TopicConfig) []byte {
	body := messages.RegisterBrokerBody{
		TopicConfigSerializeWrapper: messages.NewTopicTable(table.Version(), some),
		FilterServerList:            []string{},
	}
	b, err := body.Encode()
	if err != nil {
		panic(err) // maps of strings and numbers always encode
	}
	return b
}

// identity returns a command with the fields that say which broker it is about.
func (r *registrar) identity(code messages.RequestCode) *messages.Command {
	c := &messages.Command{Code: int32(code), Language: messages.Go}
	c.Ext.Set("brokerName", r.Broker)
	c.Ext.Set("brokerAddr", r.begun.Addr)
	c.Ext.Set("clusterName", r.Cluster)
	c.Ext.SetInt("brokerId", r.BrokerID)
	return c
}

func (r *registrar) registration(body []byte) *messages.Command {
	c := r.identity(messages.CodeRegisterBroker)
	c.Ext.Set("haServerAddr", r.begun.HAAddr)
	c.Ext.SetBool("enableActingMaster", r.ActingMaster)
	c.Ext.SetBool("compressed", false)
	c.Ext.SetInt("bodyCrc32", int64(crc32.ChecksumIEEE(body)&0x7FFFFFFF))
	if r.HeartbeatTimeout > 0 {
		c.Ext.SetInt("heartbeatTimeoutMillis", r.HeartbeatTimeout.Milliseconds())
	}
	c.Body = body
	return c
}

func (r *registrar) farewell() *messages.Command { return r.identity(messages.CodeUnregisterBroker) }

// singles returns a REGISTER_TOPIC_IN_NAMESRV per topic that changed.
func (r *registrar) singles(acked, table *topics.Table) []*messages.Command {
	var commands []*messages.Command
	some := r.since(acked, table)
	for _, name := range messages.SortedKeys(some) {
		config := some[name]
		route := messages.TopicRouteData{QueueDatas: []messages.QueueData{{
			BrokerName: r.Broker, ReadQueueNums: config.ReadQueueNums, WriteQueueNums: config.WriteQueueNums,
			Perm: config.Perm, TopicSysFlag: config.TopicSysFlag,
		}}}
		c := &messages.Command{Code: int32(messages.CodeRegisterTopicInNamesrv), Language: messages.Go}
		c.Ext.Set("topic", name)
		var err error
		if c.Body, err = route.Encode(); err != nil {
			panic(err) // strings and numbers always encode
		}
		commands = append(commands, c)
	}
	return commands
}
