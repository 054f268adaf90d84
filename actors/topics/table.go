package topics

import (
	"iter"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/actormq/actormq/messages"
)

// View publishes the current Table. The zero View is empty.
type View struct{ table atomic.Pointer[Table] }

// Table is the configuration of all topics at one moment. It is immutable, and
// so are the configurations in it: a changed topic has a new one.
type Table struct {
	topics  map[string]*messages.TopicConfig
	version messages.DataVersion
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

// Len returns the number of topics.
func (t *Table) Len() int { return len(t.topics) }

// Version returns the version of the table, which every change moves on.
func (t *Table) Version() messages.DataVersion { return t.version }

// Names returns the names of all topics, sorted.
func (t *Table) Names() []string { return slices.Sorted(maps.Keys(t.topics)) }

// All yields the topics in no particular order.
func (t *Table) All() iter.Seq2[string, *messages.TopicConfig] { return maps.All(t.topics) }
