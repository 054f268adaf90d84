package cluster

import (
	"os/exec"
	"syscall"
)

// DieWithParent makes the kernel kill the command when this process dies, so
// that a killed run leaves no server behind, and keeps a terminal's interrupt
// from it, so that this process decides the order in which things stop.
func DieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
