package swarm

import (
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// do is an operation of a client from one time to another.
func do(client int, from, to int64, in input, out output) *porcupine.Operation {
	return &porcupine.Operation{ClientId: client, Call: from, Return: to, Input: in, Output: out}
}

func TestModels(t *testing.T) {
	commit := func(from, to, value int64) *porcupine.Operation {
		return do(1, from, to, input{commit: true, value: value}, output{})
	}
	query := func(from, to, value int64) *porcupine.Operation {
		return do(2, from, to, input{}, output{value: value})
	}
	lock := func(client int, from, to int64, granted bool) *porcupine.Operation {
		return do(client, from, to, input{client: client, lock: true}, output{granted: granted})
	}
	unlock := func(client int, from, to int64) *porcupine.Operation {
		return do(client, from, to, input{client: client}, output{})
	}
	lost := func(op *porcupine.Operation) *porcupine.Operation {
		op.Return, op.Output = forever, output{lost: true}
		return op
	}
	tests := map[string]struct {
		model porcupine.Model
		ops   []*porcupine.Operation
		legal bool
	}{
		"a query sees the last commit":            {offsetModel, []*porcupine.Operation{commit(1, 2, 5), query(3, 4, 5)}, true},
		"or one that is under way":                {offsetModel, []*porcupine.Operation{commit(1, 2, 5), commit(3, 6, 7), query(4, 5, 7), query(7, 8, 7)}, true},
		"or one whose answer was lost":            {offsetModel, []*porcupine.Operation{commit(1, 2, 5), lost(commit(3, 0, 7)), query(8, 9, 7)}, true},
		"what was saved is not known":             {offsetModel, []*porcupine.Operation{query(1, 2, 9), commit(3, 4, 5), query(5, 6, 5)}, true},
		"an older commit":                         {offsetModel, []*porcupine.Operation{commit(1, 2, 5), commit(3, 4, 7), query(5, 6, 5)}, false},
		"forgotten":                               {offsetModel, []*porcupine.Operation{commit(1, 2, 5), query(3, 4, none)}, false},
		"back and forth":                          {offsetModel, []*porcupine.Operation{commit(1, 2, 5), commit(3, 9, 7), query(4, 5, 7), query(6, 7, 5)}, false},
		"a lock is renewed, given back and taken": {lockModel, []*porcupine.Operation{lock(1, 1, 2, true), lock(1, 3, 4, true), unlock(1, 5, 6), lock(2, 7, 8, true)}, true},
		"denied while another has it":             {lockModel, []*porcupine.Operation{lock(1, 1, 2, true), lock(2, 3, 4, false)}, true},
		"a lost unlock may have happened":         {lockModel, []*porcupine.Operation{lock(1, 1, 2, true), lost(unlock(1, 3, 0)), lock(2, 7, 8, true)}, true},
		"two have it":                             {lockModel, []*porcupine.Operation{lock(1, 1, 2, true), lock(2, 3, 4, true)}, false},
		"another gives it back":                   {lockModel, []*porcupine.Operation{lock(1, 1, 2, true), unlock(2, 3, 4), lock(2, 5, 6, true)}, false},
		"denied though it was given back":         {lockModel, []*porcupine.Operation{lock(1, 1, 2, true), unlock(1, 3, 4), lock(2, 5, 6, false)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := lives{all: map[int][]*porcupine.Operation{1: test.ops}}
			if test.legal {
				require.NoError(t, l.judge(test.model))
			} else {
				require.ErrorContains(t, l.judge(test.model), "not linearizable")
			}
		})
	}
}
