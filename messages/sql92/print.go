package sql92

import (
	"strconv"
	"strings"
)

// These print nodes as expressions that mean the same, with all parentheses.

func (n *property) append(dst []byte) []byte { return append(dst, n.name...) }

func (n *constant) append(dst []byte) []byte {
	switch n.kind {
	case kindBool:
		return append(dst, strings.ToUpper(strconv.FormatBool(n.isTrue()))...)
	case kindInt, kindLong:
		return strconv.AppendInt(dst, int64(n.bits), 10)
	case kindDouble:
		return strconv.AppendFloat(dst, n.float(), 'e', -1, 64)
	case kindText:
		return appendText(dst, string(n.text))
	}
	return append(dst, "NULL"...)
}

func appendText(dst []byte, s string) []byte {
	dst = append(dst, '\'')
	dst = append(dst, strings.ReplaceAll(s, "'", "''")...)
	return append(dst, '\'')
}

func (n *negation) append(dst []byte) []byte { return n.x.append(append(dst, "- "...)) }

func (n *cast) append(dst []byte) []byte { return n.x.append(dst) }

func (n *not) append(dst []byte) []byte { return n.x.append(append(dst, "NOT "...)) }

func (n *logic) append(dst []byte) []byte {
	between := " AND "
	if n.or {
		between = " OR "
	}
	dst = append(dst, '(')
	for i, x := range n.xs {
		if i > 0 {
			dst = append(dst, between...)
		}
		dst = x.append(dst)
	}
	return append(dst, ')')
}

func (n *equality) append(dst []byte) []byte {
	dst = n.l.append(append(dst, '('))
	if c, ok := n.r.(*constant); ok && c.kind == kindNull {
		return append(dst, " IS NULL)"...)
	}
	dst = append(dst, " = "...)
	return append(n.r.append(dst), ')')
}

func (n *comparison) append(dst []byte) []byte {
	dst = n.l.append(append(dst, '('))
	dst = append(append(append(dst, ' '), n.operator.String()...), ' ')
	return append(n.r.append(dst), ')')
}

func (n *membership) append(dst []byte) []byte {
	dst = n.x.append(append(dst, '('))
	dst = append(appendNot(dst, n.not), " IN ("...)
	for i, s := range n.list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendText(dst, s)
	}
	return append(dst, "))"...)
}

func (n *substring) append(dst []byte) []byte {
	dst = n.x.append(append(dst, '('))
	dst = append(append(append(appendNot(dst, n.not), ' '), n.operator.String()...), ' ')
	return append(appendText(dst, string(n.search)), ')')
}

func appendNot(dst []byte, not bool) []byte {
	if not {
		dst = append(dst, " NOT"...)
	}
	return dst
}
