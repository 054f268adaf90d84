package sql92

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parser is a recursive descent with one token of lookahead, one method per rule of
// the grammar in the package's doc.
type parser struct {
	source string
	token  token // the next one
	nested int   // parentheses, signs and NOTs around it
}

// term is a parsed node. depth is that of its tree, at where it begins in bytes.
type term struct {
	node
	depth, at int
}

func parse(source string) (node, error) {
	p := &parser{source: source}
	if err := p.next(); err != nil {
		return nil, err
	}
	t, err := p.or()
	if err != nil {
		return nil, err
	}
	if t, err = condition(t); err != nil {
		return nil, err
	}
	return t.node, nil
}

// next goes on to the next token.
func (p *parser) next() (err error) {
	p.token, err = scan(p.source, p.token.at+len(p.token.image))
	return err
}

// take goes past a token of kind k and returns it.
func (p *parser) take(k kind) (token, error) {
	t := p.token
	if t.kind != k {
		return t, p.unexpected(k.String())
	}
	return t, p.next()
}

// accept goes past a token of kind k if it comes next.
func (p *parser) accept(k kind) (bool, error) {
	if p.token.kind != k {
		return false, nil
	}
	return true, p.next()
}

func (p *parser) unexpected(want string) error {
	found := p.token.kind.String()
	if p.token.image != "" {
		found = strconv.Quote(p.token.short())
	}
	return p.errorAt(p.token.at, "%s instead of %s", found, want)
}

func (p *parser) errorAt(at int, format string, args ...any) error {
	return &Error{Offset: at, Reason: fmt.Sprintf(format, args...)}
}

// built is a node over others.
func (p *parser) built(n node, at int, over ...term) (term, error) {
	t := term{node: n, at: at}
	for _, o := range over {
		t.depth = max(t.depth, o.depth+1)
	}
	if t.depth > MaxDepth {
		return t, p.errorAt(at, "the expression is nested too deeply")
	}
	return t, nil
}

func (p *parser) or() (term, error) { return p.chain(keyOr, p.and) }

func (p *parser) and() (term, error) { return p.chain(keyAnd, p.equality) }

// chain parses conditions between which there is an operator, AND or OR.
func (p *parser) chain(operator kind, operand func() (term, error)) (term, error) {
	first, err := operand()
	if err != nil || p.token.kind != operator {
		return first, err
	}
	if first, err = condition(first); err != nil {
		return first, err
	}
	all := &logic{or: operator == keyOr, xs: []node{first.node}}
	depth := first.depth
	for {
		if more, err := p.accept(operator); err != nil || !more {
			t, depthErr := p.built(all, first.at, term{depth: depth})
			if err == nil {
				err = depthErr
			}
			return t, err
		}
		next, err := operand()
		if err != nil {
			return next, err
		}
		if next, err = condition(next); err != nil {
			return next, err
		}
		all.xs, depth = append(all.xs, next.node), max(depth, next.depth)
	}
}

func (p *parser) equality() (term, error) {
	left, err := p.comparison()
	for err == nil {
		switch p.token.kind {
		case equal, notEqual:
			left, err = p.equal(left)
		case keyIs:
			left, err = p.isNull(left)
		default:
			return left, nil
		}
	}
	return left, err
}

func (p *parser) equal(left term) (term, error) {
	operator := p.token.kind
	if err := p.next(); err != nil {
		return left, err
	}
	right, err := p.comparison()
	if err != nil {
		return left, err
	}
	if err := checkEqual(left, right); err != nil {
		return left, err
	}
	return p.equals(left, right, operator == notEqual)
}

func (p *parser) isNull(left term) (term, error) {
	if err := p.next(); err != nil {
		return left, err
	}
	negative, err := p.accept(keyNot)
	if err != nil {
		return left, err
	}
	if _, err := p.take(keyNull); err != nil {
		return left, err
	}
	return p.equals(left, term{node: &constant{}, at: left.at}, negative)
}

func (p *parser) equals(left, right term, negative bool) (term, error) {
	t, err := p.built(&equality{l: left.node, r: right.node}, left.at, left, right)
	if err == nil && negative {
		t, err = p.built(&not{x: t.node}, left.at, t)
	}
	return t, err
}

func (p *parser) comparison() (term, error) {
	left, err := p.unary()
	for err == nil {
		switch operator := p.token.kind; operator {
		case greater, greaterEqual, less, lessEqual:
			left, err = p.compare(left, operator)
		case keyNot, keyBetween, keyIn, keyContains, keyStartsWith, keyEndsWith:
			left, err = p.predicate(left)
		default:
			return left, nil
		}
	}
	return left, err
}

func (p *parser) compare(left term, operator kind) (term, error) {
	if err := p.next(); err != nil {
		return left, err
	}
	right, err := p.unary()
	if err != nil {
		return left, err
	}
	return p.compared(operator, left, right)
}

// compared checks and builds one of >, >=, < and <=.
func (p *parser) compared(operator kind, left, right term) (term, error) {
	for _, t := range []term{left, right} {
		if err := checkOrdered(t); err != nil {
			return left, err
		}
	}
	return p.built(&comparison{operator: operator, l: left.node, r: right.node}, left.at, left, right)
}

// predicate parses what begins with a keyword behind an operand.
func (p *parser) predicate(left term) (term, error) {
	negative, err := p.accept(keyNot)
	if err != nil {
		return left, err
	}
	operator := p.token.kind
	switch operator {
	case keyBetween, keyIn, keyContains, keyStartsWith, keyEndsWith:
	default:
		return left, p.unexpected("BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH")
	}
	if err := p.next(); err != nil {
		return left, err
	}
	switch operator {
	case keyBetween:
		return p.between(left, negative)
	case keyIn:
		return p.in(left, negative)
	}
	search, err := p.string()
	if err != nil {
		return left, err
	}
	return p.built(&substring{operator: operator, x: left.node, not: negative, search: []byte(search)}, left.at, left)
}

// between is two comparisons. Its bounds must be in order if both are literals and
// there is no NOT.
func (p *parser) between(left term, negative bool) (term, error) {
	low, err := p.unary()
	if err != nil {
		return left, err
	}
	if _, err := p.take(keyAnd); err != nil {
		return left, err
	}
	high, err := p.unary()
	if err != nil {
		return left, err
	}
	operators := [2]kind{greaterEqual, lessEqual}
	if negative {
		operators = [2]kind{less, greater}
	}
	first, err := p.compared(operators[0], left, low)
	if err != nil {
		return left, err
	}
	second, err := p.compared(operators[1], left, high)
	if err != nil {
		return left, err
	}
	l, isLiteral := low.node.(*constant)
	h, both := high.node.(*constant)
	if !negative && isLiteral && both && compareNumbers(l.value, h.value) > 0 {
		return left, p.errorAt(low.at, "the bounds of BETWEEN are not in order")
	}
	return p.built(&logic{or: negative, xs: []node{first.node, second.node}}, left.at, first, second)
}

func (p *parser) in(left term, negative bool) (term, error) {
	if _, err := p.take(open); err != nil {
		return left, err
	}
	n := &membership{not: negative}
	for more := true; more; {
		s, err := p.string()
		if err != nil {
			return left, err
		}
		n.list = append(n.list, s)
		if more, err = p.accept(comma); err != nil {
			return left, err
		}
	}
	if _, err := p.take(closing); err != nil {
		return left, err
	}
	isProperty := false
	if n.x, isProperty = left.node.(*property); !isProperty {
		return left, p.errorAt(left.at, "IN needs a property")
	}
	if len(n.list) >= longList {
		n.set = make(map[string]struct{}, len(n.list))
		for _, s := range n.list {
			n.set[s] = struct{}{}
		}
	}
	return p.built(n, left.at, left)
}

// string parses a string literal.
func (p *parser) string() (string, error) {
	t, err := p.take(text)
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(t.image[1:len(t.image)-1], "''", "'"), nil
}

func (p *parser) unary() (term, error) {
	sign := p.token
	switch sign.kind {
	case plus, minus, keyNot:
	default:
		return p.primary()
	}
	if err := p.enter(); err != nil {
		return term{}, err
	}
	operand, err := p.unary()
	p.nested--
	switch {
	case err != nil || sign.kind == plus:
		return operand, err
	case sign.kind == minus:
		return p.built(&negation{x: operand.node}, sign.at, operand)
	}
	if operand, err = condition(operand); err != nil {
		return operand, err
	}
	return p.built(&not{x: operand.node}, sign.at, operand)
}

// enter goes past the token that what follows is nested in.
func (p *parser) enter() error {
	if p.nested++; p.nested > MaxDepth {
		return p.errorAt(p.token.at, "the expression is nested too deeply")
	}
	return p.next()
}

func (p *parser) primary() (term, error) {
	t := p.token
	n := node(nil)
	switch t.kind {
	case open:
		return p.parenthesized()
	case name:
		n = &property{name: t.image}
	case text:
		s, err := p.string()
		return term{node: &constant{value{kind: kindText, text: []byte(s)}}, at: t.at}, err
	case keyTrue, keyFalse:
		n = &constant{boolean(t.kind == keyTrue)}
	case keyNull:
		n = &constant{}
	case decimal, float:
		v, err := p.number(t)
		if err != nil {
			return term{}, err
		}
		n = &constant{v}
	default:
		return term{}, p.unexpected("an operand")
	}
	return term{node: n, at: t.at}, p.next()
}

func (p *parser) parenthesized() (term, error) {
	if err := p.enter(); err != nil {
		return term{}, err
	}
	t, err := p.or()
	if err != nil {
		return t, err
	}
	p.nested--
	_, err = p.take(closing)
	return t, err
}

// number returns the value of a literal. A double must lie between the smallest and
// the greatest positive one, which 0.0 does not.
func (p *parser) number(t token) (value, error) {
	if t.kind == decimal {
		n, ok := parseInteger([]byte(strings.TrimRight(t.image, "lL")), 64)
		if !ok {
			return value{}, p.errorAt(t.at, "%s does not fit in 64 bits", t.short())
		}
		return integer(n), nil
	}
	f, _ := strconv.ParseFloat(t.image, 64)
	if f < math.SmallestNonzeroFloat64 || f > math.MaxFloat64 {
		return value{}, p.errorAt(t.at, "%s is less than the least or greater than the greatest double", t.short())
	}
	return double(f), nil
}
