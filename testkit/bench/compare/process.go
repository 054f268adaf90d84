package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a child process.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func startProcess(args []string, dir, name string) (*process, error) {
	p := &process{log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(os.Environ(), "ROCKETMQ_HOME="+dir)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt is this process's
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	go func() {
		_ = p.cmd.Wait() // how a server that was stopped exits says nothing here
		close(p.ended)
	}()
	return p, nil
}

// stopLimit is the time that a process may take to end.
const stopLimit = 60 * time.Second

func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopLimit):
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	return fmt.Errorf("process %d had to be killed: %s", p.cmd.Process.Pid, p.tail())
}

// tail returns the end of what a process printed.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | ")
}

// freePorts returns a port for a name server and one for a broker, which also
// takes the one two below and the one above.
func freePorts() (names, broker int, err error) {
	free := func(port int) bool {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			l.Close()
		}
		return err == nil
	}
	for range 100 {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			return 0, 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port < 60_000 && free(port) && free(port-2) && free(port+1) && free(port+5) {
			return port + 5, port, nil
		}
	}
	return 0, 0, errors.New("no free ports")
}
