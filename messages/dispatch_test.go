package messages

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatOfATransactionIsConsumedAndIndexed(t *testing.T) {
	const other = SysFlagCompressed | SysFlagBornHostV6
	for _, test := range []struct {
		name                string
		sysFlag             int32
		consumable, indexed bool
	}{
		{"no transaction", 0, true, true},
		{"prepared", SysFlagPrepared, false, true},
		{"commit", SysFlagCommit, true, true},
		{"rollback", SysFlagRollback, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := DispatchRequest{SysFlag: test.sysFlag | other}
			require.Equal(t, test.consumable, d.Consumable())
			require.Equal(t, test.indexed, d.Indexed())
		})
	}
}
