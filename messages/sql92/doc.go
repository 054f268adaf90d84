// Package sql92 filters messages by a condition on their properties, such as
//
//	price BETWEEN 10 AND 99.5 AND region IN ('EU', 'US') AND note IS NOT NULL
//
// Compile parses and checks an expression once; Evaluate then looks at a message's
// encoded properties, without a map and without allocating. What is accepted and
// what it means is that of Apache's broker 5.5.0 (RocketMQ: SelectorParser.jj and
// the package org.apache.rocketmq.filter.expression), oddities included, for
// consumers move from one to the other:
//
//	or         = and { OR and }
//	and        = equality { AND equality }
//	equality   = comparison { "=" comparison | "<>" comparison | IS [ NOT ] NULL }
//	comparison = unary { ( ">" | ">=" | "<" | "<=" ) unary | [ NOT ] BETWEEN unary AND unary
//	           | [ NOT ] IN "(" string { "," string } ")"
//	           | [ NOT ] ( CONTAINS | STARTSWITH | ENDSWITH ) string }
//	unary      = ( "+" | "-" | NOT ) unary | primary
//	primary    = string | decimal | float | TRUE | FALSE | NULL | name | "(" or ")"
//
// Keywords have any case, names of properties the case of the property. Comments
// are /* … */ and -- up to a line's end.
//
// Properties are strings. They turn into what they are compared with: an int (a
// literal within 32 bits), a long, a double or a boolean, and into doubles if "<"
// and the like stand between two of them. Where that fails, so does the evaluation
// as a whole, unless AND or OR was decided before. NULL is a missing property.
//
// What may surprise: NOT binds more tightly than "=", so that NOT a = 1 compares a
// boolean; what follows a complete expression is ignored; 0.0 is out of range; "= 5"
// fails for "5.0" and for what does not fit in 32 bits; TRUE = a fails, a = TRUE
// does not; and NOT CONTAINS is false where the property is missing.
package sql92
