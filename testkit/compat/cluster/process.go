package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	readyTimeout = 90 * time.Second // a cold JVM on a loaded machine
	stopTimeout  = 30 * time.Second
	pollInterval = 50 * time.Millisecond
)

// process is one server.
type process struct {
	Home string // its folder
	cmd  *exec.Cmd
	done chan struct{} // closed when it has exited and was waited for
}

func startProcess(args []string, home string, env []string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(home, "console.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	DieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	p := &process{Home: home, cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the exit status of a stopped server says nothing here
		close(p.done)
	}()
	return p, nil
}

// ready polls until up reports true. On failure the server is killed and the
// error carries the end of its console log.
func (p *process) ready(up func() bool) error {
	deadline := time.Now().Add(readyTimeout)
	for !up() {
		select {
		case <-p.done:
			return fmt.Errorf("%s exited while starting:\n%s", p.Home, p.tail())
		case <-time.After(pollInterval):
		}
		if time.Now().After(deadline) {
			log := p.tail()
			return errors.Join(fmt.Errorf("%s is not ready after %s:\n%s", p.Home, readyTimeout, log), p.Stop(syscall.SIGKILL))
		}
	}
	return nil
}

// Stop sends sig and waits for the exit. A server that ignores it for 30 s is
// killed, which is an error. Stopping a stopped server does nothing.
func (p *process) Stop(sig os.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return fmt.Errorf("%s did not exit within %s of %v:\n%s", p.Home, stopTimeout, sig, p.tail())
}

// Freeze stops the server where it is, with its connections open; Thaw has it go on.
func (p *process) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (p *process) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Running reports whether the server has not exited.
func (p *process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// tail returns the last lines of the console log.
func (p *process) tail() string {
	text, err := os.ReadFile(filepath.Join(p.Home, "console.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
