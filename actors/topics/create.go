package topics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/actormq/actormq/messages"
)

const readWrite = messages.PermRead | messages.PermWrite

// minDelayQueues is the number of queues of Apache's delay topic
// (TopicConfigManager.SCHEDULE_TOPIC_QUEUE_NUM).
const minDelayQueues = 18

// own returns the topics that a broker makes at start
// (RocketMQ: TopicConfigManager.init, without those of RocksDB).
func (t *topics) own() []*messages.TopicConfig {
	plain := func(name string, queues, perm int32) *messages.TopicConfig {
		return messages.NewTopicConfig(name, queues, queues, perm)
	}
	inherit := func(open bool) int32 {
		if open {
			return messages.PermInherit | readWrite
		}
		return messages.PermInherit
	}
	all := []*messages.TopicConfig{
		plain(messages.TopicSelfTest, 1, readWrite),
		plain(messages.TopicBenchmark, 1024, readWrite),
		plain(t.Cluster, messages.DefaultQueueNums, inherit(t.ClusterTopic)),
		plain(t.Broker, 1, inherit(t.BrokerTopic)),
		plain(messages.TopicOffsetMoved, 1, readWrite),
		plain(messages.TopicSchedule, max(t.DelayLevels, minDelayQueues), readWrite),
		plain(t.Cluster+"_"+messages.ReplyTopicPostfix, 1, readWrite),
		plain(messages.TopicReviveLogPrefix+t.Cluster, cmp.Or(t.ReviveQueues, 8), readWrite),
		plain(messages.TopicSyncMemberPrefix+t.Broker, 1, messages.PermInherit),
		plain(messages.TopicTransHalf, 1, readWrite),
		plain(messages.TopicTransOpHalf, 1, readWrite),
	}
	if t.AutoCreate() {
		all = append(all, plain(messages.TopicDefault, cmp.Or(t.DefaultQueues, 8), messages.PermInherit|readWrite))
	}
	if t.Trace != "" {
		all = append(all, plain(t.Trace, 1, readWrite))
	}
	if t.Timer {
		all = append(all, plain(messages.TopicTimer, 1, readWrite))
	}
	return all
}

// create makes a topic after a template that lets others inherit from it, or a
// retry topic, which needs none (RocketMQ: createTopicInSendMessageMethod,
// AbstractSendMessageProcessor.msgCheck).
func (t *topics) create(m *Create) (*messages.TopicConfig, error) {
	if config := t.table[m.Topic]; config != nil {
		return config, nil
	}
	if err := messages.CheckTopic(m.Topic); err != nil {
		return nil, messages.Refuse(messages.InvalidParameter, "%s", err)
	}
	if t.Slave {
		return nil, messages.UnknownTopic(m.Topic)
	}
	template := t.template(m.Default)
	if template != nil && template.Perm&messages.PermInherit != 0 {
		queues := max(min(m.Queues, template.WriteQueueNums), 0)
		config := messages.NewTopicConfig(m.Topic, queues, queues, template.Perm&^messages.PermInherit)
		config.TopicSysFlag, config.TopicFilterType = m.SysFlag, template.TopicFilterType
		t.put(config)
		t.Env.Log.Info().Str("topic", m.Topic).Str("template", m.Default).Int32("queues", queues).
			Stringer("client", m.Client).Msg("a topic was created by its first message")
		return config, nil
	}
	if messages.IsRetryTopic([]byte(m.Topic)) {
		return t.ensure(&Ensure{Topic: m.Topic, Queues: 1, Perm: readWrite, SysFlag: m.SysFlag}), nil
	}
	t.Env.Log.Debug().Str("topic", m.Topic).Str("template", m.Default).Stringer("client", m.Client).
		Msg("a topic may not be created by use")
	return nil, messages.UnknownTopic(m.Topic)
}

// template returns the topic that a producer names as one to create others after. That
// of all brokers is one only while topics may be created by use, which operators may
// change.
func (t *topics) template(name string) *messages.TopicConfig {
	template := t.table[name]
	if name != messages.TopicDefault {
		return template
	}
	switch {
	case !t.AutoCreate():
		return nil
	case template == nil || template.Perm&messages.PermInherit == 0:
		queues := cmp.Or(t.DefaultQueues, 8)
		template = messages.NewTopicConfig(name, queues, queues, messages.PermInherit|readWrite)
		t.put(template)
	}
	return template
}

// ensure makes a topic that the broker itself needs
// (RocketMQ: createTopicInSendMessageBackMethod).
func (t *topics) ensure(m *Ensure) *messages.TopicConfig {
	config := t.table[m.Topic]
	switch {
	case config == nil:
		config = messages.NewTopicConfig(m.Topic, m.Queues, m.Queues, m.Perm)
		config.TopicSysFlag, config.Order = m.SysFlag, m.Order
		if !t.Slave { // there it comes with the master's
			t.put(config)
		}
	case m.Order && !config.Order && !t.Slave:
		config = config.Clone()
		config.Order = true
		t.put(config)
	}
	return config
}

// replace makes the table that of the master.
func (t *topics) replace(master *messages.TopicTable) {
	if !t.Slave || t.version == master.DataVersion {
		return
	}
	t.change()
	for _, name := range slices.Sorted(maps.Keys(t.table)) {
		if master.TopicConfigTable[name] == nil {
			delete(t.table, name)
			t.deleted = append(t.deleted, name)
		}
	}
	for name, config := range master.TopicConfigTable {
		if old := t.table[name]; old == nil || !old.Equal(config) {
			config.TopicName = name
			t.table[name] = config
		}
	}
	t.adopted = &master.DataVersion
}

func (t *topics) order(names []string) {
	for _, name := range names {
		if config := t.table[name]; config != nil && !config.Order {
			config = config.Clone()
			config.Order = true
			t.put(config)
		}
	}
}
