package transaction

import (
	"math"
	"strconv"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// Rules say when a producer is asked about its transaction.
type Rules struct {
	Timeout   time.Duration // transactionTimeOut: a half is left alone for that long
	MaxChecks int           // transactionCheckMax
	Reserved  time.Duration // fileReservedTime: an older half is given up
}

// verdict is what a round does with a half that no op message names.
type verdict int

const (
	wait    verdict = iota // the half, and those behind it, are for a later round
	pass                   // it has ended under its earlier offset
	renew                  // append it again, and leave its producer alone
	ask                    // append it again, and ask its producer
	discard                // put it away
)

// judge decides on a half at time now (Unix milliseconds) in a round that began at
// start. ended tells of the earlier offset that a renewed half names.
//
// It is TransactionalMessageServiceImpl.check but for this: there a half that is
// renewed for its immunity is counted as checked, and put away unasked if it is
// immune for longer than all checks take.
func (r *Rules) judge(h *record.Record, start, now int64, ended func(offset int64) bool) verdict {
	age := now - h.BornTimestamp
	checks := messages.FindProperty(h.Properties, messages.PropertyTransactionCheckTimes)
	switch {
	case checks != nil && number(checks) >= int64(r.MaxChecks), age > r.Reserved.Milliseconds():
		return discard
	case h.StoreTimestamp >= start:
		return wait
	}
	immunity := messages.FindProperty(h.Properties, messages.PropertyCheckImmunityTime)
	if immunity == nil {
		if age >= 0 && age <= r.Timeout.Milliseconds() {
			return wait
		}
		return ask
	}
	if age > r.immunity(immunity) {
		return ask
	}
	earlier := messages.FindProperty(h.Properties, messages.PropertyTransactionPreparedQueueOffset)
	switch offset := number(earlier); {
	case earlier == nil:
		return renew
	case offset == -1:
		return ask
	case ended(offset):
		return pass
	}
	return renew
}

// maxImmunity keeps an immunity from overflowing, in seconds.
const maxImmunity = math.MaxInt64 / 1000

// immunity returns how long a half is left alone that names a time of its own, in
// milliseconds.
func (r *Rules) immunity(seconds []byte) int64 {
	n := number(seconds)
	if n == -1 {
		return r.Timeout.Milliseconds()
	}
	return max(min(n, maxImmunity), 0) * 1000
}

// late reports whether a producer ends a transaction only after the immunity that
// its half names: by then it may have been asked, and the answer is what counts
// (RocketMQ: EndTransactionProcessor.rejectCommitOrRollback).
func (r *Rules) late(h *record.Record, now int64) bool {
	immunity := messages.FindProperty(h.Properties, messages.PropertyCheckImmunityTime)
	if immunity == nil {
		return false
	}
	return now-h.BornTimestamp > max(r.immunity(immunity), r.Timeout.Milliseconds())
}

// number parses a property; garbage is -1, as in Java.
func number(text []byte) int64 {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
