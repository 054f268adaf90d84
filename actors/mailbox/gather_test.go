package mailbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/mailbox"
)

// yielding is a dispatcher at which somebody posts while a batch waits to end.
type yielding struct {
	steps
	yields  int
	onYield func()
}

func (y *yielding) Yield() {
	y.yields++
	if f := y.onYield; f != nil {
		y.onYield = nil
		f()
	}
}

func TestABatchTakesWhatComesBeforeItEnds(t *testing.T) {
	for _, throughput := range []int{1, 2, 100} {
		d := &yielding{steps: steps{throughput: throughput}}
		box := mailbox.NewBatch()
		seen := &script{box: box, on: map[string]func(){}}
		box.RegisterHandlers(seen, d)
		d.onYield = func() { post(box, "b", "c") }
		post(box, "a")
		d.all()
		require.Equal(t, "a, b, c, drained", seen.take())
		require.Equal(t, 1, d.yields, "others have one turn per batch")

		seen.on["d"] = func() { box.PostSystemMessage("s") }
		post(box, "d")
		d.all()
		require.Equal(t, "d, system s, drained", seen.take())
		require.Equal(t, 2, d.yields)
	}
}

func TestAMailboxWithoutDrainedDoesNotWaitForOthers(t *testing.T) {
	d := &yielding{steps: steps{throughput: 100}}
	box := mailbox.New()
	seen := &script{box: box, on: map[string]func(){}}
	box.RegisterHandlers(seen, d)
	post(box, "a")
	d.all()
	require.Equal(t, "a", seen.take())
	require.Zero(t, d.yields)
}
