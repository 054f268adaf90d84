package broker

import (
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/timer"
	"github.com/actormq/actormq/messages"
)

func (w *wiring) timerChild() child {
	c := &w.config
	return child{nameTimer, timer.Props(timer.Options{
		Env: w.env, Store: w.store, CommitLog: w.pid(nameCommitLog), Topics: w.topics, Visible: w.visible.Passed, Root: c.StorePathRootDir,
		Rules: timerRules(c), FileSize: c.MappedFileSizeTimerLog, Span: c.TimerWheelSlots, Window: c.TimerRollWindowSlot,
		SaveEvery: config.Millis(c.TimerFlushIntervalMs), Slave: w.isSlave(),
		Recall: c.RecallMessageEnable, TopicKeys: c.AppendTopicForTimerDeleteKey, Broker: c.BrokerName, Region: c.RegionID,
		StoreHost: w.host, Permission: w.permission,
	})}
}

func timerRules(c *config.Broker) messages.TimerRules {
	return messages.TimerRules{
		Enabled: c.TimerWheelEnable, Precision: c.TimerPrecisionMs, MaxDelay: c.TimerMaxDelaySec * 1000,
	}
}
