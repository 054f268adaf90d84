package sql92

import (
	"bytes"

	"github.com/actormq/actormq/messages"
)

// node is a part of an expression. It is immutable, and eval yields a value of
// whose text the node or the properties keep the ownership.
type node interface {
	eval(properties []byte) value
	append(dst []byte) []byte // the node as an expression
}

// property is the value of a property, NULL if it is missing.
type property struct{ name string }

func (n *property) eval(properties []byte) value {
	found := messages.FindProperty(properties, n.name)
	if found == nil {
		return value{}
	}
	return value{kind: kindText, text: found}
}

// constant is a literal.
type constant struct{ value }

func (n *constant) eval([]byte) value { return n.value }

// negation is -x.
type negation struct{ x node }

func (n *negation) eval(properties []byte) value { return n.x.eval(properties).negated() }

// cast makes a condition of a property: no string is true.
type cast struct{ x *property }

func (n *cast) eval(properties []byte) value {
	if n.x.eval(properties).kind == kindNull {
		return value{}
	}
	return boolean(false)
}

// not is NOT x, where x is a condition.
type not struct{ x node }

func (n *not) eval(properties []byte) value {
	v := n.x.eval(properties)
	if v.kind == kindBool {
		return boolean(!v.isTrue())
	}
	return v
}

// logic is a chain of conditions with AND or with OR, evaluated from the left until
// it is decided or one fails. NULL is neither true nor false.
type logic struct {
	or bool
	xs []node
}

func (n *logic) eval(properties []byte) value {
	unknown := false
	for _, x := range n.xs {
		switch v := x.eval(properties); {
		case v.kind == kindFailed, n.or && v.isTrue(), !n.or && v.isFalse():
			return v
		case v.kind == kindNull:
			unknown = true
		}
	}
	if unknown {
		return value{}
	}
	return boolean(!n.or)
}

// equality is l = r. It is also IS NULL, which is = NULL.
type equality struct{ l, r node }

func (n *equality) eval(properties []byte) value {
	l, r := n.l.eval(properties), failed
	if l.kind != kindFailed {
		r = n.r.eval(properties)
	}
	switch {
	case r.kind == kindFailed:
		return failed
	case l.kind == kindNull && r.kind == kindNull:
		return boolean(true)
	case l.kind == kindNull:
		return value{}
	case r.kind == kindNull:
		return boolean(false)
	}
	return equals(l, r)
}

// equals compares two values that are not NULL.
func equals(l, r value) value {
	switch {
	case l.kind == kindText && r.kind == kindText:
		return boolean(bytes.Equal(l.text, r.text))
	case l.kind == kindText:
		l = convert(l.text, r.kind)
	case r.kind == kindText && l.kind == kindBool:
		return failed // Java casts the wrong one of the two
	case r.kind == kindText:
		r = convert(r.text, l.kind)
	}
	switch {
	case l.kind == kindFailed || r.kind == kindFailed:
		return failed
	case l.isNumber() && r.isNumber():
		return boolean(compareNumbers(l, r) == 0)
	}
	return boolean(l.kind == r.kind && l.bits == r.bits)
}

// comparison is l > r, l >= r, l < r or l <= r. Its operands are numbers,
// properties and NULL.
type comparison struct {
	operator kind
	l, r     node
}

func (n *comparison) eval(properties []byte) value {
	l := n.l.eval(properties)
	if l.kind == kindNull || l.kind == kindFailed {
		return l
	}
	r := n.r.eval(properties)
	if r.kind == kindNull || r.kind == kindFailed {
		return r
	}
	switch {
	case l.kind == kindText && r.kind == kindText:
		l, r = convert(l.text, kindDouble), convert(r.text, kindDouble)
	case l.kind == kindText:
		l = convert(l.text, r.kind)
	case r.kind == kindText:
		r = convert(r.text, l.kind)
	}
	if l.kind == kindFailed || r.kind == kindFailed {
		return failed
	}
	order := compareNumbers(l, r)
	switch n.operator {
	case greater:
		return boolean(order > 0)
	case greaterEqual:
		return boolean(order >= 0)
	case less:
		return boolean(order < 0)
	}
	return boolean(order <= 0)
}

// membership is x [NOT] IN (…).
type membership struct {
	x    *property
	not  bool
	list []string
	set  map[string]struct{} // of list, if that is long
}

// longList is the length from which on a set is faster.
const longList = 8

func (n *membership) eval(properties []byte) value {
	v := n.x.eval(properties)
	if v.kind == kindNull {
		return v
	}
	return boolean(n.has(v.text) != n.not)
}

func (n *membership) has(text []byte) bool {
	if n.set != nil {
		_, found := n.set[string(text)]
		return found
	}
	for _, s := range n.list {
		if s == string(text) {
			return true
		}
	}
	return false
}

// substring is x [NOT] CONTAINS, STARTSWITH or ENDSWITH a string. It is false for
// what is no string and for an empty string to be found, also with NOT.
type substring struct {
	operator kind
	x        node
	not      bool
	search   []byte
}

func (n *substring) eval(properties []byte) value {
	if len(n.search) == 0 {
		return boolean(false)
	}
	v := n.x.eval(properties)
	switch v.kind {
	case kindFailed:
		return v
	case kindText:
		return boolean(n.has(v.text) != n.not)
	}
	return boolean(false)
}

func (n *substring) has(text []byte) bool {
	switch n.operator {
	case keyContains:
		return bytes.Contains(text, n.search)
	case keyStartsWith:
		return bytes.HasPrefix(text, n.search)
	}
	return bytes.HasSuffix(text, n.search)
}
