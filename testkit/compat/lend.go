package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/actormq/actormq/testkit/compat/cluster"
)

// lender starts brokers, each with a name server of its own, for tests that run
// elsewhere. The tests of actormq's SDK borrow what they start of testkit otherwise:
//
//	POST   /brokers       body: lines of broker.conf as a JSON object; answers with a lent
//	POST   /brokers/N/kill, /brokers/N/start, /brokers/N/freeze, /brokers/N/thaw
//	DELETE /brokers/N
type lender struct {
	kind     cluster.Kind
	launcher *cluster.Launcher

	mu   sync.Mutex
	next int
	out  map[int]*loan
}

// lent is what a borrower gets.
type lent struct {
	ID         int
	NameServer string // host:port
	Broker     string // its name
}

// loan is a broker that is out. Its borrower asks for one thing at a time.
type loan struct {
	names  *cluster.NameServer
	broker *cluster.Broker
}

func (l *lender) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /brokers", l.lend)
	mux.HandleFunc("POST /brokers/{id}/kill", l.with(func(o *loan) error { return o.broker.Stop(syscall.SIGKILL) }))
	mux.HandleFunc("POST /brokers/{id}/freeze", l.with(func(o *loan) error { return o.broker.Freeze() }))
	mux.HandleFunc("POST /brokers/{id}/thaw", l.with(func(o *loan) error { return o.broker.Thaw() }))
	mux.HandleFunc("POST /brokers/{id}/start", l.with(func(o *loan) (err error) {
		o.broker, err = l.launcher.StartBroker(l.kind, o.broker.Config)
		return err
	}))
	mux.HandleFunc("DELETE /brokers/{id}", l.with(func(o *loan) error {
		return errors.Join(o.broker.Stop(syscall.SIGKILL), o.names.Stop(syscall.SIGKILL))
	}))
	return mux
}

func (l *lender) lend(w http.ResponseWriter, r *http.Request) {
	conf := make(map[string]string)
	if err := json.NewDecoder(r.Body).Decode(&conf); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	names, err := l.launcher.StartNameServer(l.kind)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	broker, err := l.launcher.StartBroker(l.kind, cluster.BrokerConfig{NameServer: names.Addr, Conf: conf})
	if err != nil {
		http.Error(w, errors.Join(err, names.Stop(syscall.SIGKILL)).Error(), http.StatusInternalServerError)
		return
	}
	l.mu.Lock()
	l.next++
	id := l.next
	l.out[id] = &loan{names, broker}
	l.mu.Unlock()
	_ = json.NewEncoder(w).Encode(lent{ID: id, NameServer: names.Addr, Broker: broker.Config.Name})
}

func (l *lender) with(do func(*loan) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.Atoi(r.PathValue("id"))
		l.mu.Lock()
		o := l.out[id]
		l.mu.Unlock()
		if o == nil {
			http.NotFound(w, r)
			return
		}
		if err := do(o); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

// testSDK runs the tests of actormq's SDK that need a broker against those of a kind.
func testSDK(ctx context.Context, b *build, kind cluster.Kind, pattern string) error {
	root, err := b.root(kind)
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	l := &lender{kind: kind, launcher: b.launcher(root), out: make(map[int]*loan)}
	server := &http.Server{Handler: l.routes()}
	go func() { _ = server.Serve(listener) }() // it ends with the program
	defer server.Close()
	args := []string{"test", "-count=1", "-timeout=20m", "-v"}
	if pattern != "" {
		args = append(args, "-run="+pattern)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir = filepath.Join(b.dir, "..", "..")
	cmd.Env = append(os.Environ(), "ACTORMQ_LENDER=http://"+listener.Addr().String())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the SDK against %s: %w", kind, err)
	}
	return nil
}
