package cluster

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// StoredOffsets returns, by queue number, the offsets of group that are in the
// store's config/consumerOffset.json. Brokers write that file every few seconds
// and when they stop. Apache's has bare numbers as keys, so it is read as text.
func StoredOffsets(store, topic, group string) map[string]string {
	offsets := map[string]string{}
	text, err := os.ReadFile(filepath.Join(store, "config", "consumerOffset.json"))
	if err != nil {
		return offsets
	}
	plain := regexp.MustCompile(`[\s"]`).ReplaceAllString(string(text), "")
	_, rest, _ := strings.Cut(plain, topic+"@"+group+":{")
	table, _, _ := strings.Cut(rest, "}")
	for pair := range strings.SplitSeq(table, ",") {
		if queue, offset, ok := strings.Cut(pair, ":"); ok {
			offsets[queue] = offset
		}
	}
	return offsets
}
