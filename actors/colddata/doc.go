// Package colddata keeps consumer groups that read far behind from wearing out the disk
// (RocketMQ: ColdDataCgCtrService). A message is cold when more than
// accessMessageInMemoryMaxRatio of the memory lies between it and the end of the log.
//
//	Puller ── Read ─▶ Control ◀─ Throttled ── Puller
//	                     ▲ every 5 s from 0
//	                  ColdData ◀─ operators' limits
//
// Control counts, for each group, the bytes of cold messages that it was sent in the
// current span of five seconds. A group above its limit, and any group that has read cold
// messages of late while all together are above theirs, gets no cold messages until the
// next one. Nothing is counted and nobody limited unless coldDataFlowControlEnable is
// set. Limits that operators set for a group last until the process ends.
//
// Apache's strategies that move the limits by themselves (coldCtrStrategyEnable) are not
// here, and cold is there what the page cache does not have.
package colddata
