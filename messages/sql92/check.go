package sql92

// These are the type rules that hold when an expression is compiled
// (RocketMQ: SelectorParser.asBooleanExpression, ComparisonExpression.check…).

// isCondition reports whether a node yields a boolean or NULL. TRUE, FALSE and NULL
// are conditions.
func isCondition(n node) bool {
	switch n := n.(type) {
	case *constant:
		return n.kind == kindBool || n.kind == kindNull
	case *property, *negation:
		return false
	}
	return true
}

// condition returns t as a condition, which a property can be made.
func condition(t term) (term, error) {
	if p, ok := t.node.(*property); ok {
		t.node = &cast{x: p}
		return t, nil
	}
	if !isCondition(t.node) {
		return t, &Error{Offset: t.at, Reason: "neither a condition nor a property"}
	}
	return t, nil
}

// checkOrdered checks an operand of >, >=, < and <=, also in BETWEEN: numbers and
// properties are compared, and what a sign stands before.
func checkOrdered(t term) error {
	if c, ok := t.node.(*constant); ok && c.isNumber() {
		return nil
	} else if ok || isCondition(t.node) {
		return &Error{Offset: t.at, Reason: "only numbers and properties can be compared"}
	}
	return nil
}

// checkEqual checks the operands of = and <>.
func checkEqual(left, right term) error {
	l, leftLiteral := left.node.(*constant)
	r, rightLiteral := right.node.(*constant)
	switch {
	case leftLiteral && l.kind == kindNull:
		return &Error{Offset: left.at, Reason: "use IS NULL to compare with NULL"}
	case rightLiteral && r.kind == kindNull:
		return &Error{Offset: right.at, Reason: "use IS NULL to compare with NULL"}
	case leftLiteral && rightLiteral && l.kind == kindBool && r.kind != kindBool:
		return &Error{Offset: left.at, Reason: "a boolean cannot be compared with this"}
	}
	return nil
}
