package swarm_test

import (
	"os"
	"testing"

	"github.com/actormq/actormq/testkit/swarm"
)

func TestSeeds(t *testing.T) {
	for seed := range uint64(100) {
		result := swarm.Run(swarm.Draw(seed), nil)
		if result.Err != nil {
			t.Errorf("seed %d: %v", seed, result.Err)
			_ = os.Stderr
		}
	}
}
