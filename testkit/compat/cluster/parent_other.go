//go:build !linux

package cluster

import (
	"os/exec"
	"syscall"
)

// DieWithParent keeps a terminal's interrupt from the command. Only Linux can
// tie its life to this process's.
func DieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
