package messages

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DefaultDelayLevels is the default of messageDelayLevel.
const DefaultDelayLevels = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"

// DelayLevels are the delays of the levels 1 to Max, in milliseconds.
type DelayLevels []int64

// ParseDelayLevels parses a list such as "1s 5s 1m 2h 1d", separated by blanks.
func ParseDelayLevels(text string) (DelayLevels, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	var levels DelayLevels
	for _, word := range strings.Fields(text) {
		unit, known := units[word[len(word)-1]]
		n, err := strconv.ParseInt(word[:len(word)-1], 10, 32)
		if !known || err != nil || n < 0 {
			return nil, fmt.Errorf("the delay %q is not a number followed by s, m, h or d", word)
		}
		levels = append(levels, n*unit.Milliseconds())
	}
	if len(levels) == 0 {
		return nil, fmt.Errorf("the list of delay levels is empty")
	}
	return levels, nil
}

// Max returns the highest level.
func (d DelayLevels) Max() int { return len(d) }

// Clamp returns the level that a message asking for level gets: 0 is no delay,
// everything above the highest level is the highest.
func (d DelayLevels) Clamp(level int) int { return max(0, min(level, len(d))) }

// Millis returns the delay of a level from 1 to Max, in milliseconds.
func (d DelayLevels) Millis(level int) int64 { return d[level-1] }
