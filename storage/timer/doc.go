// Package timer is what finds the messages of rmq_sys_wheel_timer when they are due
// (RocketMQ: TimerWheel, TimerLog, TimerCheckpoint), in Apache's files:
//
//	<root>/timerlog/NNN…        units, in files of one size
//	<root>/timerwheel           slots: where the last unit of a point in time is
//	<root>/config/timercheck    how far delivery and the files are
//
// A unit is 52 bytes, numbers big-endian. The units of a slot are chained, the last
// one first:
//
//	offset  bytes  meaning
//	0       4      52
//	4       8      position of the slot's unit before, -1 none
//	12      4      1, plus 2: to be stored again, for it is far away, plus 4: recalls others
//	16      8      when the unit was written, ms, in steps of the precision
//	24      4      its time less that, ms
//	28      8      physical offset of its message
//	36      4      size of it
//	40      4      hash code of its real topic
//	44      8      Apache: 0; here a CRC-32 of the bytes before, with bit 32 set
//
// No unit crosses the end of a file: what remains there begins with its size (4), 0
// (8) and a magic number (4).
//
// The wheel has two slots for each step of seven days, so that none is used twice
// within that time. A slot is 32 bytes, at (time / precision) mod 1,209,600:
//
//	0       8      time / precision: a slot with another time is empty
//	8       8      position of its first unit
//	16      8      position of its last unit
//	24      4      number of units, recalls counted as -1
//	28      4      0
//
// Of the wheel only the pages with slots that are yet to come are in memory, 4 KiB
// for 128 slots, however many messages wait in them. After a crash the units behind
// those of the checkpoint are taken into the wheel again.
//
// The package has no clock and no goroutines. A Store belongs to one goroutine, but
// for what Save hands out.
package timer
