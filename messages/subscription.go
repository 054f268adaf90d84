package messages

import (
	"fmt"
	"slices"
	"strings"
)

// SubscriptionData is what a group wants of a topic (RocketMQ: SubscriptionData).
// A published one is immutable.
type SubscriptionData struct {
	ClassFilterMode bool     `json:"classFilterMode"`
	CodeSet         []Number `json:"codeSet"`
	ExpressionType  string   `json:"expressionType"`
	SubString       string   `json:"subString"`
	SubVersion      Number   `json:"subVersion"` // a clock of the client: Java's in ms, Go's in ns
	TagsSet         []string `json:"tagsSet"`
	Topic           string   `json:"topic"`
}

// SubscribeAll is the expression that matches every message.
const SubscribeAll = "*"

// The types of expressions (RocketMQ: ExpressionType).
const (
	ExpressionTag   = "TAG"
	ExpressionSQL92 = "SQL92"
)

// IsTagExpression reports whether an expression type is that of tags, which is
// also the default.
func IsTagExpression(expressionType string) bool {
	return expressionType == "" || expressionType == ExpressionTag
}

// BuildSubscription parses a tag expression such as "A || B"; "" and "*" match
// all. Expressions of other types are kept as they are. It fails for an empty
// expression of another type and for one that only consists of "||"; blank tags
// besides others are left out, and an expression of nothing but them matches no
// message (RocketMQ: FilterAPI).
func BuildSubscription(topic, expression, expressionType string) (*SubscriptionData, error) {
	s := &SubscriptionData{Topic: topic, SubString: expression, ExpressionType: expressionType, CodeSet: []Number{}, TagsSet: []string{}}
	if !IsTagExpression(expressionType) {
		if expression == "" {
			return nil, fmt.Errorf("messages: an empty %s expression", expressionType)
		}
		return s, nil
	}
	s.ExpressionType = ExpressionTag
	if expression == "" || expression == SubscribeAll {
		s.SubString = SubscribeAll
		return s, nil
	}
	words := strings.Split(expression, "||")
	if !slices.ContainsFunc(words, func(word string) bool { return word != "" }) {
		return nil, fmt.Errorf("messages: the expression %q has no tag", expression)
	}
	for _, tag := range words {
		// Java's trim takes off what is not above the blank.
		tag = strings.TrimFunc(tag, func(c rune) bool { return c <= ' ' })
		if tag != "" && !slices.Contains(s.TagsSet, tag) {
			s.TagsSet = append(s.TagsSet, tag)
			s.CodeSet = append(s.CodeSet, Number(TagsCode([]byte(tag))))
		}
	}
	return s, nil
}

// MatchesAll reports whether the subscription wants every message.
func (s *SubscriptionData) MatchesAll() bool {
	return IsTagExpression(s.ExpressionType) && (s.SubString == "" || s.SubString == SubscribeAll)
}

// TagCodes returns the hashes of the tags. They are computed from the expression:
// the Go client hashes bytes where Java hashes UTF-16 units, so that its own
// codes find no message with a tag beyond ASCII.
func (s *SubscriptionData) TagCodes() []int64 {
	built, err := BuildSubscription(s.Topic, s.SubString, ExpressionTag)
	if err != nil {
		return nil
	}
	codes := make([]int64, len(built.CodeSet))
	for i, c := range built.CodeSet {
		codes[i] = int64(c)
	}
	return codes
}
