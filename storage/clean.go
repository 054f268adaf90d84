package storage

import (
	"strconv"
	"strings"
	"time"
)

// CleanOptions say when files expire (RocketMQ: CleanCommitLogService). The shares
// are 0 to 1 and taken as they are; Apache's broker pulls them to 0.95 (MaxUsed),
// 0.85 and 0.90 at most.
type CleanOptions struct {
	DeleteWhen   string        // hours of the day, such as "04" or "04;16"
	Reserved     time.Duration // how long a file is kept at least (fileReservedTime)
	MaxUsed      float64       // share of the disk above which expired files go at any hour
	ForceUsed    float64       // above which the oldest files go though they have not expired
	FullUsed     float64       // above which the store takes no messages
	ForceEnabled bool          // cleanFileForciblyEnable
	BatchMax     int           // files per round (deleteFileBatchMax)
}

// Verdict is what a round of cleaning has to do.
type Verdict struct {
	Remove bool // files that have expired
	Force  bool // the oldest files, expired or not
	Full   bool // the store takes no messages
}

// Judge decides by the time of day and the used share of the disk. wasFull keeps
// a full disk full until its use falls to ForceUsed, so that the store does not
// open and close by the minute. It depends on nothing else.
func (o *CleanOptions) Judge(now time.Time, used float64, wasFull bool) Verdict {
	v := Verdict{Full: used > o.FullUsed || wasFull && used > o.ForceUsed}
	v.Force = o.ForceEnabled && (used > o.ForceUsed || v.Full)
	v.Remove = used > min(o.MaxUsed, o.ForceUsed) || o.due(now)
	return v
}

func (o *CleanOptions) due(now time.Time) bool {
	for _, hour := range strings.Split(o.DeleteWhen, ";") {
		if n, err := strconv.Atoi(strings.TrimSpace(hour)); err == nil && n == now.Hour() {
			return true
		}
	}
	return false
}

// RemoveSegments removes CommitLog files by the verdict, but none with records
// whose units a crash could take: their queues would not know their end any more.
// It may run on any goroutine, one at a time.
func (s *Store) RemoveSegments(o *CleanOptions, v Verdict, now time.Time) (int, error) {
	if !v.Remove {
		return 0, nil
	}
	s.mu.Lock()
	queued := s.queued
	s.mu.Unlock()
	return s.Log.RemoveExpired(o.BatchMax, queued, func(modified time.Time) bool {
		return v.Force || now.Sub(modified) >= o.Reserved
	})
}

// Used returns the used share, 0 to 1, of the fuller of the disks that the
// CommitLog and the ConsumeQueues are on.
func (s *Store) Used() (float64, error) {
	log, err := s.options.FS.Usage(s.options.CommitLogDir)
	if err != nil {
		return 0, err
	}
	queues, err := s.options.FS.Usage(s.file("consumequeue"))
	if err != nil {
		return 0, err
	}
	return max(log.UsedRatio(), queues.UsedRatio()), nil
}

// UsedBytes returns the bytes in use on the disk that the CommitLog is on, by
// whomever.
func (s *Store) UsedBytes() (int64, error) {
	log, err := s.options.FS.Usage(s.options.CommitLogDir)
	return log.Total - log.Free, err
}
