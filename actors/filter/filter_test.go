package filter

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/sql92"
)

func subscription(expression string) *messages.SubscriptionData {
	return &messages.SubscriptionData{Topic: "t", SubString: expression, ExpressionType: messages.ExpressionSQL92}
}

func TestConditionsAreCompiledOnce(t *testing.T) {
	var c Conditions
	first, err := c.Compile(subscription("a > 1"))
	require.NoError(t, err)
	again, err := c.Compile(subscription("a > 1"))
	require.NoError(t, err)
	require.Same(t, first, again)

	_, err = c.Compile(subscription("a >"))
	var wrong *sql92.Error
	require.ErrorAs(t, err, &wrong)
	_, again2 := c.Compile(subscription("a >"))
	require.Same(t, err, again2)

	_, err = c.Compile(&messages.SubscriptionData{SubString: "a > 1", ExpressionType: "XPATH"})
	require.Error(t, err, "it is no SQL92, whatever was compiled before")
}

// A client that sends another expression each time must not fill the memory.
func TestConditionsAreBounded(t *testing.T) {
	var c Conditions
	for i := range 10 * maxConditions {
		_, err := c.Compile(subscription(fmt.Sprint("a > ", i)))
		require.NoError(t, err)
		require.LessOrEqual(t, len(c), maxConditions)
	}
}
