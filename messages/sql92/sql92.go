package sql92

// Limits of an expression. They bound the memory and, since no part of a compiled
// expression lies deeper than MaxDepth, the stack. Apache has none and answers a
// stack overflow as a syntax error.
const (
	MaxLength = 64 << 10 // bytes of text
	MaxDepth  = 250      // parentheses, signs, NOTs and operators within each other; AND and OR chains count once
)

// Expression is a compiled condition. It is immutable, so that any goroutine may
// use it.
type Expression struct{ root node }

// Compile parses and checks an expression. What follows a complete one is ignored,
// as Apache ignores it. It fails with an *Error.
func Compile(source string) (*Expression, error) {
	if len(source) > MaxLength {
		return nil, &Error{Offset: MaxLength, Reason: "the expression is too long"}
	}
	root, err := parse(source)
	if err != nil {
		return nil, err
	}
	return &Expression{root: root}, nil
}

// Result is the value of an expression for a message.
type Result uint8

// The results. A message passes a filter that is True for it.
const (
	False Result = iota
	True
	Null   // for want of a property, neither true nor false
	Failed // a property did not convert to what it is compared with
)

var resultNames = [...]string{"false", "true", "null", "failed"}

// String returns the result in lower case.
func (r Result) String() string { return resultNames[r] }

// Evaluate returns the value of the expression for a message with these properties,
// as they are encoded in its record (see messages.FindProperty). It keeps none of
// them and does not allocate, but for doubles of more than 32 characters.
func (e *Expression) Evaluate(properties []byte) Result {
	switch v := e.root.eval(properties); {
	case v.kind == kindFailed:
		return Failed
	case v.isTrue():
		return True
	case v.kind == kindNull:
		return Null
	}
	return False
}

// Match reports whether a message with these properties is wanted.
func (e *Expression) Match(properties []byte) bool { return e.Evaluate(properties) == True }

// String returns an expression that means the same, with all parentheses.
func (e *Expression) String() string { return string(e.root.append(nil)) }
