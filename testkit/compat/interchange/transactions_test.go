package interchange

import (
	"syscall"
	"testing"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/stretchr/testify/require"
)

func TestOpenTransactionsAfterCleanStop(t *testing.T) {
	t.Parallel()
	openTransactions(t, syscall.SIGTERM)
}
func TestOpenTransactionsAfterKill(t *testing.T) { t.Parallel(); openTransactions(t, syscall.SIGKILL) }

// openTransactions has the reader ask about the transactions that the writer left
// open. It asks about others as well if the writer has not written all their ends:
// when it is killed, or is Apache, which does not do that when it stops.
func openTransactions(t *testing.T, end syscall.Signal) {
	launcher, writer, reader := pair(t)
	broker := start(t, launcher, writer, cluster.BrokerConfig{Conf: map[string]string{
		"transactionTimeOut": "2000", "transactionCheckInterval": "1000", "transactionCheckMax": "100",
		"transactionOpBatchInterval": "200",
	}})
	program(t, "OpenTransactions", "begin", broker)
	require.NoError(t, broker.Stop(end))
	check := "end-and-repeat"
	if end == syscall.SIGTERM && writer == cluster.Actormq {
		check = "end"
	}
	program(t, "OpenTransactions", check, start(t, launcher, reader, broker.Config))
}
