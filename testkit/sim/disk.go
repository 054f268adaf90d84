package sim

import "github.com/actormq/actormq/storage/vfs"

// Disk is the disk of a host.
type Disk struct{ vfs.FS }

func newDisk(*World, string) *Disk { return &Disk{} }

func (d *Disk) crash(Crash) {}
