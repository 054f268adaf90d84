// Package filter makes what consumers subscribe to into what the store reads by:
// tags, which the ConsumeQueue tells, and SQL92 conditions, for which the record is
// read (RocketMQ: ExpressionMessageFilter). A filter is immutable; any goroutine may
// use it.
package filter
