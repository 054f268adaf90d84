package storage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/storage"
)

func TestJudge(t *testing.T) {
	options := storage.CleanOptions{DeleteWhen: "04; 16", MaxUsed: 0.75, ForceUsed: 0.85, FullUsed: 0.90, ForceEnabled: true}
	gentle := options
	gentle.ForceEnabled, gentle.MaxUsed = false, 0.95
	nothing := storage.Verdict{}
	remove := storage.Verdict{Remove: true}
	force := storage.Verdict{Remove: true, Force: true}
	full := storage.Verdict{Remove: true, Force: true, Full: true}
	for name, c := range map[string]struct {
		options *storage.CleanOptions
		hour    int
		used    float64
		full    bool
		want    storage.Verdict
	}{
		"an ordinary hour":                        {hour: 3, used: 0.5, want: nothing},
		"the hour of deletion":                    {hour: 4, used: 0.5, want: remove},
		"the other hour of deletion":              {hour: 16, want: remove},
		"expired files go above 75 %":             {hour: 3, used: 0.76, want: remove},
		"exactly 75 %":                            {hour: 3, used: 0.75, want: nothing},
		"any files go above 85 %":                 {hour: 3, used: 0.86, want: force},
		"no messages above 90 %":                  {hour: 3, used: 0.91, want: full},
		"a full disk stays full above 85 %":       {hour: 3, used: 0.86, full: true, want: full},
		"a full disk has room again at 85 %":      {hour: 3, used: 0.85, full: true, want: remove},
		"without force expired files go at 85 %":  {options: &gentle, hour: 3, used: 0.86, want: remove},
		"without force the disk can be full, too": {options: &gentle, hour: 3, used: 0.91, want: storage.Verdict{Remove: true, Full: true}},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.options
			if o == nil {
				o = &options
			}
			now := time.Date(2026, 1, 2, c.hour, 30, 0, 0, time.UTC)
			require.Equal(t, c.want, o.Judge(now, c.used, c.full))
		})
	}
}
