package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/actormq/actormq/testkit/compat/cluster"
)

// A suite is a program that runs cases and prints them the way `go test -v`
// does. list is the command that prints the names of its cases, one a line.
type suite struct {
	name string
	env  []string // beyond what all suites get
	list func(b *build) []string
	run  func(b *build, root, pattern string) []string // command line for the cases that pattern matches
}

// stages run one after the other, the suites of a stage side by side. The last
// ones pass a store from Apache to the program under test and back.
func stages(kind cluster.Kind) [][]suite {
	all := [][]suite{
		{goSuite("go", "goclient", 6), javaSuite},
		{goSuite("mixed", "mixed", 4), goSuite("mqadmin", "mqadmin", 4)},
		{storeSuite(cluster.Apache, kind)},
	}
	if kind != cluster.Apache {
		all = append(all, []suite{storeSuite(kind, cluster.Apache)}, []suite{goSuite("embedded", "embedded", 1)})
	}
	all = append(all, []suite{haSuite(kind, cluster.Apache)})
	if kind != cluster.Apache {
		all = append(all, []suite{haSuite(cluster.Apache, kind)}, []suite{haSuite(kind, kind)})
	}
	return all
}

// goSuite is a test binary; parallel is how many of its cases run at a time.
func goSuite(name, pkg string, parallel int) suite {
	return suite{
		name: name,
		list: func(b *build) []string { return []string{b.bin(pkg + ".test"), "-test.list=."} },
		run: func(b *build, _, pattern string) []string {
			return []string{b.bin(pkg + ".test"), "-test.v", "-test.timeout=8m",
				fmt.Sprint("-test.parallel=", parallel), "-test.run=" + pattern}
		},
	}
}

func storeSuite(writer, reader cluster.Kind) suite {
	s := goSuite(fmt.Sprintf("store/%s-to-%s", writer, reader), "interchange", 2)
	s.env = []string{cluster.EnvWriter + "=" + string(writer), cluster.EnvReader + "=" + string(reader)}
	return s
}

func haSuite(master, slave cluster.Kind) suite {
	s := goSuite(fmt.Sprintf("ha/%s-to-%s", master, slave), "replication", 1)
	s.env = []string{cluster.EnvMaster + "=" + string(master), cluster.EnvSlave + "=" + string(slave)}
	if master != slave { // the others are about clients, and take their time
		s.list = func(b *build) []string { return []string{b.bin("replication.test"), "-test.list=^TestSlave"} }
	}
	return s
}

var javaSuite = suite{
	name: "java",
	list: func(b *build) []string { return javaCases(b, b.cache, "--list") },
	run:  javaCases,
}

func javaCases(b *build, home, arg string) []string {
	return []string{"java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Duser.home=" + home, "-cp", b.javaClassPath(), "compat.Cases", arg}
}

func runStage(ctx context.Context, b *build, stage []suite, env []string, root string, filter *regexp.Regexp, r *report) {
	var running sync.WaitGroup
	for _, s := range stage {
		running.Go(func() { s.cases(ctx, b, env, root, filter, r) })
	}
	running.Wait()
}

// cases runs those cases of the suite that filter wants.
func (s suite) cases(ctx context.Context, b *build, env []string, root string, filter *regexp.Regexp, r *report) {
	env = append(slices.Clone(env), s.env...)
	var wanted []string
	out, err := child(ctx, s.list(b), env).Output()
	if err != nil {
		r.fail(s.name, "list", 0, err.Error()+"\n"+string(out))
		return
	}
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		if name != "" && filter.MatchString(s.name+"/"+strings.TrimPrefix(name, "Test")) {
			wanted = append(wanted, regexp.QuoteMeta(name))
		}
	}
	if len(wanted) == 0 {
		return
	}
	cmd := child(ctx, s.run(b, root, "^("+strings.Join(wanted, "|")+")$"), env)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		r.fail(s.name, "start", 0, err.Error())
		return
	}
	log, err := os.Create(filepath.Join(root, strings.ReplaceAll(s.name, "/", "-")+".log"))
	if err != nil {
		r.fail(s.name, "start", 0, err.Error())
		return
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		r.fail(s.name, "start", 0, err.Error())
		return
	}
	began := time.Now()
	seen := r.follow(s.name, io.TeeReader(pipe, log))
	if err := cmd.Wait(); err != nil && seen.failed == 0 {
		r.fail(s.name, "run", time.Since(began), fmt.Sprintf("%v\n%s", err, seen.last))
	}
	if ended := seen.passed + seen.failed; ended < len(wanted) {
		r.fail(s.name, "run", time.Since(began), fmt.Sprintf("only %d of %d cases reported a result", ended, len(wanted)))
	}
}

// child is a command that stops when ctx ends, gently at first.
func child(ctx context.Context, args, env []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cluster.DieWithParent(cmd)
	return cmd
}

// report counts results and prints them. It may be used by several goroutines.
type report struct {
	mu             sync.Mutex
	passed, failed int
}

// outcome is what one suite's output said.
type outcome struct {
	passed, failed int
	last           string // the end of the output that belongs to no case
}

var (
	switchLine = regexp.MustCompile(`^=== (?:RUN|CONT|NAME|PAUSE)\s+(\S*)`)
	resultLine = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)`)
)

// follow reads the output of a suite and reports each top-level case as it ends.
// A skipped case counts as failed: nothing is skipped silently here.
func (r *report) follow(suite string, in io.Reader) outcome {
	var seen outcome
	output := map[string]*strings.Builder{}
	current := ""
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := switchLine.FindStringSubmatch(line); m != nil {
			current, _, _ = strings.Cut(m[1], "/")
			continue
		}
		if m := resultLine.FindStringSubmatch(line); m != nil {
			took, _ := time.ParseDuration(m[3] + "s")
			name := strings.TrimPrefix(m[2], "Test")
			if m[1] == "PASS" {
				seen.passed++
				r.pass(suite, name, took)
			} else {
				seen.failed++
				r.fail(suite, name, took, m[1]+"\n"+text(output[m[2]]))
			}
			current = ""
			continue
		}
		if output[current] == nil {
			output[current] = &strings.Builder{}
		}
		fmt.Fprintln(output[current], line)
	}
	seen.last = text(output[""])
	return seen
}

func text(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	s := b.String()
	return s[max(0, len(s)-8000):]
}

func (r *report) pass(suite, name string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passed++
	fmt.Printf("PASS  %s/%s (%.1f s)\n", suite, name, took.Seconds())
}

func (r *report) fail(suite, name string, took time.Duration, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	fmt.Printf("FAIL  %s/%s (%.1f s)\n%s\n", suite, name, took.Seconds(), indent(why))
}

func indent(s string) string {
	return "      " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n      ")
}
