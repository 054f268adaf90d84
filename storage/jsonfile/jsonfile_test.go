package jsonfile_test

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/storage/jsonfile"
	"github.com/actormq/actormq/storage/vfs"
)

type offsets struct {
	OffsetTable map[string]map[int32]int64 `json:"offsetTable"`
}

func write(t *testing.T, fs vfs.FS, name, text string) {
	t.Helper()
	require.NoError(t, fs.MkdirAll("/config"))
	f, err := fs.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(text), 0)
	require.NoError(t, err)
}

// The file as Apache's broker leaves it: tabs, and numbers as keys without quotes.
const apache = "{\n\t\"dataVersion\":{\"counter\":3,\"stateVersion\":0,\"timestamp\":1700000000000},\n\t\"groupTopicMap\":{\"cg\":[\"T1\"]},\n\t\"offsetTable\":{\"T1@cg\":{0:1,1:3}\n\t}\n}"

func TestLoad(t *testing.T) {
	good := &offsets{OffsetTable: map[string]map[int32]int64{"T1@cg": {0: 1, 1: 3}}}
	for name, c := range map[string]struct {
		file, backup string
		want         *offsets
		fails        bool
	}{
		"Apache's dialect":                 {file: apache, want: good},
		"nothing yet":                      {want: &offsets{}},
		"an empty file and a backup":       {file: " ", backup: apache, want: good},
		"a file cut off and a backup":      {file: apache[:40], backup: apache, want: good},
		"only a backup":                    {backup: apache, want: good},
		"a file cut off and no backup":     {file: apache[:40], fails: true},
		"a file and a backup that are bad": {file: "{", backup: "}", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem(nil)
			if c.file != "" {
				write(t, fs, "/config/x.json", c.file)
			}
			if c.backup != "" {
				write(t, fs, "/config/x.json.bak", c.backup)
			}
			got := &offsets{}
			err := jsonfile.Load(fs, "/config/x.json", got)
			if c.fails {
				require.ErrorContains(t, err, "/config/x.json")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// A power loss at any point of a save leaves the old content or the new one.
func TestSaveSurvivesPowerLoss(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		fs := vfs.NewMem(nil)
		require.NoError(t, fs.MkdirAll("/config"))
		one, two := &offsets{map[string]map[int32]int64{"a@g": {0: 1}}}, &offsets{map[string]map[int32]int64{"a@g": {0: 2}, "b@g": {7: 9}}}
		require.NoError(t, jsonfile.Save(fs, "/config/x.json", one))
		left := random.IntN(12)
		lost := errors.New("power lost")
		fs.SetFault(func(vfs.Op, string) error {
			if left--; left < 0 {
				return lost
			}
			return nil
		})
		saved := jsonfile.Save(fs, "/config/x.json", two)
		fs.SetFault(nil)
		fs.Crash(random.IntN)
		got := &offsets{}
		require.NoError(t, jsonfile.Load(fs, "/config/x.json", got), "seed %d", seed)
		if saved == nil {
			require.Equal(t, two, got, "seed %d: a save that returned is durable", seed)
		} else {
			require.Contains(t, []*offsets{one, two}, got, "seed %d", seed)
		}
	}
}

// A full disk fails a save and leaves what there was, also where there was nothing.
func TestSaveOnAFullDisk(t *testing.T) {
	old := &offsets{map[string]map[int32]int64{"a@g": {0: 1}}}
	for name, before := range map[string]*offsets{"the first save": nil, "a later one": old} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem(nil)
			if before != nil {
				require.NoError(t, jsonfile.Save(fs, "/config/x.json", before))
			}
			usage, err := fs.Usage("/")
			require.NoError(t, err)
			fs.SetCapacity(usage.Total - usage.Free + 10)
			require.ErrorIs(t, jsonfile.Save(fs, "/config/x.json", &offsets{map[string]map[int32]int64{"a@g": {0: 2, 1: 3, 2: 4}}}), syscall.ENOSPC)
			got := &offsets{}
			require.NoError(t, jsonfile.Load(fs, "/config/x.json", got))
			if before == nil {
				before = &offsets{}
			}
			require.Equal(t, before, got)
			fs.SetCapacity(0)
			require.NoError(t, jsonfile.Save(fs, "/config/x.json", old))
		})
	}
}
