package filter

import (
	"slices"

	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/sql92"
	"github.com/actormq/actormq/storage"
)

// Tags returns the filter of a subscription by tags. The broker compares hashes; the
// client compares the strings again.
func Tags(sub *messages.SubscriptionData) storage.Filter {
	if sub.MatchesAll() {
		return &tags{all: true}
	}
	return &tags{codes: sub.TagCodes()}
}

// All returns the filter that every message passes.
func All() storage.Filter { return &tags{all: true} }

type tags struct {
	all   bool
	codes []int64
}

// MatchTagsCode reports whether a record with that tags code may match.
func (f *tags) MatchTagsCode(code int64) bool { return f.all || slices.Contains(f.codes, code) }

// Properties returns the filter of a condition on the properties.
func Properties(condition *sql92.Expression) storage.Filter { return properties{condition} }

type properties struct{ condition *sql92.Expression }

// MatchTagsCode is true: only the record tells.
func (properties) MatchTagsCode(int64) bool { return true }

// MatchProperties reports whether the condition holds.
func (f properties) MatchProperties(text []byte) bool { return f.condition.Match(text) }

// maxConditions bounds the conditions that are kept.
const maxConditions = 64

// Conditions are the compiled ones of requests that carry their own, for clients
// repeat them with each request. They belong to one actor.
type Conditions map[string]compiled

type compiled struct {
	condition *sql92.Expression
	err       error
}

// Compile compiles the condition of a subscription that is not by tags. It fails
// with a *sql92.Error, or for a type of expressions that does not exist.
func (c *Conditions) Compile(sub *messages.SubscriptionData) (*sql92.Expression, error) {
	if sub.ExpressionType != messages.ExpressionSQL92 {
		return groups.Compile(sub) // fails
	}
	known, found := (*c)[sub.SubString]
	if !found {
		if *c == nil || len(*c) >= maxConditions {
			*c = make(Conditions)
		}
		known.condition, known.err = groups.Compile(sub)
		(*c)[sub.SubString] = known
	}
	return known.condition, known.err
}
