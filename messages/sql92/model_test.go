package sql92_test

import (
	"errors"
	"strconv"
	"strings"
)

// The model is the plainest evaluator that can be written down: values are nil,
// bool, int32, int64, float64 or string, failures are panics, properties are a map.

var errFailed = errors.New("failed")

func isCondition(n *tree) bool {
	switch n.op {
	case "name", "-":
		return false
	case "literal":
		_, isBool := n.literal.(bool)
		return isBool || n.literal == nil
	}
	return true
}

// valid applies the type rules.
func valid(n *tree) bool {
	for _, kid := range n.kids {
		if !valid(kid) {
			return false
		}
	}
	switch n.op {
	case "NOT", "AND", "OR":
		for _, kid := range n.kids {
			if kid.op != "name" && !isCondition(kid) {
				return false
			}
		}
	case "=", "<>":
		l, r := n.kids[0], n.kids[1]
		for _, kid := range n.kids {
			if kid.op == "literal" && kid.literal == nil {
				return false
			}
		}
		if l.op == "literal" && r.op == "literal" && isCondition(l) && !isCondition(r) {
			return false
		}
	case ">", ">=", "<", "<=", "BETWEEN":
		for _, kid := range n.kids {
			if _, isString := kid.literal.(string); isString || isCondition(kid) {
				return false
			}
		}
		if n.op == "BETWEEN" && !n.not && n.kids[1].op == "literal" && n.kids[2].op == "literal" {
			return toFloat(n.kids[1].literal) <= toFloat(n.kids[2].literal)
		}
	}
	return true
}

func toFloat(v any) float64 {
	switch v := v.(type) {
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	}
	return v.(float64)
}

// result returns what a tree means for a message: "true", "false", "null", "failed".
func result(n *tree, properties map[string]string) (out string) {
	defer func() {
		if recovered := recover(); recovered != nil {
			if recovered != errFailed {
				panic(recovered)
			}
			out = "failed"
		}
	}()
	switch v := asCondition(n, properties); v {
	case nil:
		return "null"
	default:
		return strconv.FormatBool(v.(bool))
	}
}

// asCondition evaluates a tree where a condition is wanted.
func asCondition(n *tree, properties map[string]string) any {
	v := eval(n, properties)
	if n.op == "name" && v != nil {
		return false
	}
	return v
}

func eval(n *tree, properties map[string]string) any {
	switch n.op {
	case "name":
		if s, ok := properties[n.name]; ok {
			return s
		}
		return nil
	case "literal":
		if i, ok := n.literal.(int64); ok && i == int64(int32(i)) {
			return int32(i)
		}
		return n.literal
	case "AND":
		return and(n, properties)
	case "OR":
		return negate(and(&tree{kids: []*tree{{op: "NOT", kids: n.kids[:1]}, {op: "NOT", kids: n.kids[1:]}}}, properties))
	case "NOT":
		return negate(asCondition(n.kids[0], properties))
	case "-":
		v := eval(n.kids[0], properties)
		if _, isBool := v.(bool); isBool {
			return nil
		}
		return negate(v)
	}
	return evalPredicate(n, properties)
}

func and(n *tree, properties map[string]string) any {
	l := asCondition(n.kids[0], properties)
	if l == false {
		return false
	}
	r := asCondition(n.kids[1], properties)
	if r == true {
		return l
	}
	return r
}

func negate(v any) any {
	switch v := v.(type) {
	case bool:
		return !v
	case int32:
		return -v
	case int64:
		return -v
	case float64:
		return -v
	}
	return nil
}

func evalPredicate(n *tree, properties map[string]string) any {
	x := func(i int) any { return eval(n.kids[i], properties) }
	switch n.op {
	case "=":
		return equal(x(0), x(1))
	case "<>":
		return negate(equal(x(0), x(1)))
	case "IS NULL":
		return (x(0) == nil) != n.not
	case "BETWEEN":
		low := &tree{op: ">=", kids: []*tree{n.kids[0], n.kids[1]}}
		high := &tree{op: "<=", kids: []*tree{n.kids[0], n.kids[2]}}
		if !n.not {
			return eval(&tree{op: "AND", kids: []*tree{low, high}}, properties)
		}
		low.op, high.op = "<", ">"
		return eval(&tree{op: "OR", kids: []*tree{low, high}}, properties)
	case "IN":
		if x(0) == nil {
			return nil
		}
		found := false
		for _, s := range n.strings {
			found = found || s == x(0)
		}
		return found != n.not
	case "CONTAINS", "STARTSWITH", "ENDSWITH":
		has := map[string]func(s, part string) bool{"CONTAINS": strings.Contains, "STARTSWITH": strings.HasPrefix, "ENDSWITH": strings.HasSuffix}
		if n.strings[0] == "" {
			return false
		}
		s, isString := x(0).(string)
		return isString && has[n.op](s, n.strings[0]) != n.not
	}
	l := x(0)
	if l == nil {
		return nil
	}
	r := x(1)
	if r == nil {
		return nil
	}
	l, r = numbers(l, r)
	order := compare(l, r)
	return map[string]bool{">": order > 0, ">=": order >= 0, "<": order < 0, "<=": order <= 0}[n.op]
}

func equal(l, r any) any {
	_, lIsString := l.(string)
	_, rIsString := r.(string)
	_, lIsBool := l.(bool)
	_, rIsBool := r.(bool)
	switch {
	case l == nil && r == nil:
		return true
	case l == nil:
		return nil
	case r == nil:
		return false
	case lIsString && rIsString:
		return l == r
	case lIsString && rIsBool:
		return strings.EqualFold(l.(string), "true") == r
	case lIsBool && rIsString:
		panic(errFailed)
	case lIsBool || rIsBool:
		return l == r
	}
	return compare(numbers(l, r)) == 0
}

// numbers converts strings to what they are compared with.
func numbers(l, r any) (any, any) {
	ls, lIsString := l.(string)
	rs, rIsString := r.(string)
	switch {
	case lIsString && rIsString:
		return parse(ls, 0.0), parse(rs, 0.0)
	case lIsString:
		return parse(ls, r), r
	case rIsString:
		return l, parse(rs, l)
	}
	return l, r
}

func parse(s string, like any) any {
	var v any
	var err error
	switch like.(type) {
	case int32:
		v, err = strconv.ParseInt(s, 10, 32)
	case int64:
		v, err = strconv.ParseInt(s, 10, 64)
	default:
		v, err = strconv.ParseFloat(strings.TrimSpace(s), 64)
	}
	if err != nil {
		panic(errFailed)
	}
	return v
}

func compare(l, r any) int {
	_, lIsFloat := l.(float64)
	_, rIsFloat := r.(float64)
	if lIsFloat || rIsFloat {
		x, y := toFloat(l), toFloat(r)
		switch {
		case x < y || x == x && y != y: // NaN is the greatest
			return -1
		case x > y || x != x && y == y:
			return 1
		}
		return 0
	}
	whole := func(v any) int64 {
		if n, ok := v.(int32); ok {
			return int64(n)
		}
		return v.(int64)
	}
	switch x, y := whole(l), whole(r); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
