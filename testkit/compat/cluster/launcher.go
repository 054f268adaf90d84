package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
)

// Kind says whose servers are started.
type Kind string

const (
	Apache  Kind = "apache"
	Actormq Kind = "actormq"
)

// ParseKind accepts "apache" and "actormq".
func ParseKind(s string) (Kind, error) {
	switch k := Kind(s); k {
	case Apache, Actormq:
		return k, nil
	}
	return "", fmt.Errorf("unknown server %q: want apache or actormq", s)
}

// Environment of the suites, set by the runner.
const (
	EnvTarget = "COMPAT_TARGET"      // Kind of the servers under test
	EnvRoot   = "COMPAT_ROOT"        // folder for everything a run writes
	EnvJars   = "COMPAT_APACHE_JARS" // folder with the jars of Apache's servers and tools
	EnvBinary = "COMPAT_ACTORMQ"     // path of the actormq executable
	EnvWriter = "COMPAT_WRITER"      // Kind of the broker that writes a store
	EnvReader = "COMPAT_READER"      // Kind of the broker that opens it then
	EnvMaster = "COMPAT_MASTER"      // Kind of the broker that is replicated
	EnvSlave  = "COMPAT_SLAVE"       // Kind of the broker that follows it
)

// Launcher starts servers. Its methods may be called from several goroutines.
type Launcher struct {
	Root   string // absolute; each server gets a folder below it
	Jars   string // folder with Apache's jars
	Binary string // actormq's executable; unused for Apache

	started atomic.Int64 // numbers the servers' folders
}

// FromEnv returns the launcher and the kind of server that the runner chose.
func FromEnv() (*Launcher, Kind, error) {
	kind, err := ParseKind(os.Getenv(EnvTarget))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w (run testkit/compat/run.sh)", EnvTarget, err)
	}
	root, err := os.MkdirTemp(os.Getenv(EnvRoot), "servers-")
	if err != nil {
		return nil, "", fmt.Errorf("folder for servers: %w", err)
	}
	return &Launcher{Root: root, Jars: os.Getenv(EnvJars), Binary: os.Getenv(EnvBinary)}, kind, nil
}

// home makes the folder of one server.
func (l *Launcher) home(name string) (string, error) {
	dir := filepath.Join(l.Root, fmt.Sprintf("%s-%d", name, l.started.Add(1)))
	return dir, os.MkdirAll(dir, 0o755)
}

// command is the argument list that starts role ("namesrv" or "broker") with the
// configuration file conf. home is where Apache's logs and side files go.
func (l *Launcher) command(kind Kind, role, home, conf string) ([]string, error) {
	if kind == Actormq {
		if l.Binary == "" {
			return nil, fmt.Errorf("%s is empty: no actormq executable to start", EnvBinary)
		}
		return []string{l.Binary, role, "-c", conf}, nil
	}
	main := map[string]string{
		"namesrv": "org.apache.rocketmq.namesrv.NamesrvStartup",
		"broker":  "org.apache.rocketmq.broker.BrokerStartup",
	}[role]
	heap := map[string]string{"namesrv": "-Xmx192m", "broker": "-Xmx512m"}[role]
	args := append([]string{"java", heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}, moduleFlags...)
	return append(args, "-Duser.home="+home, "-cp", filepath.Join(l.Jars, "*"), main, "-c", conf), nil
}

// moduleFlags lets the store unmap its files on JDK 17.
var moduleFlags = []string{
	"--add-opens=java.base/java.nio=ALL-UNNAMED",
	"--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
	"--add-opens=java.base/java.lang=ALL-UNNAMED",
	"--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
}

// NameServer is a running name server.
type NameServer struct {
	*process
	Addr string // host:port
}

// StartNameServer starts a name server on a free port and waits for it.
func (l *Launcher) StartNameServer(kind Kind) (*NameServer, error) {
	home, err := l.home("namesrv")
	if err != nil {
		return nil, err
	}
	port, err := freePort(0, 0)
	if err != nil {
		return nil, err
	}
	conf := properties{
		"listenPort":   strconv.Itoa(port),
		"kvConfigPath": filepath.Join(home, "kvConfig.json"),
	}
	proc, err := l.start(kind, "namesrv", home, conf)
	if err != nil {
		return nil, err
	}
	ns := &NameServer{process: proc, Addr: local(port)}
	return ns, proc.ready(func() bool { return accepts(ns.Addr) })
}

// start writes the configuration of a server and starts it.
func (l *Launcher) start(kind Kind, role, home string, conf properties) (*process, error) {
	file := filepath.Join(home, role+".conf")
	if err := os.WriteFile(file, conf.encode(), 0o644); err != nil {
		return nil, err
	}
	args, err := l.command(kind, role, home, file)
	if err != nil {
		return nil, err
	}
	return startProcess(args, home, []string{"ROCKETMQ_HOME=" + home})
}
