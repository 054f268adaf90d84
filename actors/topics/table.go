package topics

import (
	"errors"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
	"github.com/actormq/actormq/storage/vfs"
)

// View publishes the current Table. The zero View is empty.
type View struct{ table atomic.Pointer[Table] }

// Table is the configuration of all topics at one moment. It is immutable, and
// so are the configurations in it: a changed topic has a new one.
type Table struct {
	topics  map[string]*messages.TopicConfig
	version messages.DataVersion

	once    sync.Once
	batches map[string]bool // the names of batch topics; nil if there are none
}

var empty = &Table{}

// Load returns the current table. Any goroutine may call it.
func (v *View) Load() *Table {
	if t := v.table.Load(); t != nil {
		return t
	}
	return empty
}

// Lookup is Find on bytes, without a copy.
func (t *Table) Lookup(topic []byte) *messages.TopicConfig { return t.topics[string(topic)] }

// Find returns the configuration of a topic, nil when there is none.
func (t *Table) Find(topic string) *messages.TopicConfig { return t.topics[topic] }

// IsBatch tells whether a topic is of queue type BatchCQ. It is asked per record.
func (t *Table) IsBatch(topic string) bool {
	t.once.Do(func() { t.batches = batchTopics(t.topics) })
	return t.batches[topic]
}

func batchTopics(topics map[string]*messages.TopicConfig) map[string]bool {
	var names map[string]bool
	for name, c := range topics {
		if c == nil || !c.Batch() {
			continue
		}
		if names == nil {
			names = make(map[string]bool)
		}
		names[name] = true
	}
	return names
}

// SavedBatches returns the names of the batch topics in the topics.json of dir. The
// store's recovery needs them, before there are actors.
func SavedBatches(fsys vfs.FS, dir string) (map[string]bool, error) {
	var saved file
	err := jsonfile.Load(fsys, path.Join(dir, "topics.json"), &saved)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return batchTopics(saved.TopicConfigTable), nil
}

// Len returns the number of topics.
func (t *Table) Len() int { return len(t.topics) }

// Version returns the version of the table, which every change moves on.
func (t *Table) Version() messages.DataVersion { return t.version }

// Names returns the names of all topics, sorted.
func (t *Table) Names() []string { return slices.Sorted(maps.Keys(t.topics)) }

// All yields the topics in no particular order.
func (t *Table) All() iter.Seq2[string, *messages.TopicConfig] { return maps.All(t.topics) }
