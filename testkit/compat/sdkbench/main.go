package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit/compat/cluster"
)

func main() {
	err := error(nil)
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		err = worker(os.Args[2:])
	} else {
		err = compare()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sdkbench:", err)
		os.Exit(1)
	}
}

// pair is what both clients brought, one after the other.
type pair struct{ ours, theirs figures }

// compare starts a broker, runs the pairs and writes the table.
func compare() error {
	binary := flag.String("binary", "", "actormq's executable")
	pairs := flag.Int("pairs", 5, "pairs of measurements")
	scale := flag.Float64("scale", 1, "part of the messages that are sent")
	only := flag.String("only", "", "regular expression of scenarios")
	out := flag.String("out", "", "Markdown file whose section on the SDK is replaced")
	flag.Parse()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if *binary, err = filepath.Abs(*binary); err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "sdkbench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	l := &cluster.Launcher{Root: root, Binary: *binary}
	names, err := l.StartNameServer(cluster.Actormq)
	if err != nil {
		return err
	}
	defer names.Stop(syscall.SIGKILL)
	broker, err := l.StartBroker(cluster.Actormq, cluster.BrokerConfig{NameServer: names.Addr})
	if err != nil {
		return err
	}
	defer broker.Stop(syscall.SIGKILL)
	t := &table{}
	for _, s := range scenarios {
		if !wanted.MatchString(s.name) {
			continue
		}
		count := int64(float64(s.messages) * *scale)
		if err := prepare(names.Addr, s, count); err != nil {
			return err
		}
		for i := range *pairs {
			p, err := measurePair(names.Addr, s, count, i%2 == 1)
			if err != nil {
				return err
			}
			t.add(s, p)
		}
		fmt.Print(t.row(s))
	}
	if *out == "" {
		return nil
	}
	return t.write(*out, *pairs)
}

func topicOf(s scenario) string { return "sdkbench-" + s.name }

// prepare makes the topic of a scenario, and fills it if it is to be consumed.
func prepare(names string, s scenario, count int64) error {
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{names}})
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.CreateTopic(ctx, topicOf(s), actormq.TopicOptions{Queues: 8}); err != nil || !s.consumed {
		return err
	}
	sender, err := ours{}.sender(names, topicOf(s))
	if err != nil {
		return err
	}
	defer sender.close()
	return inFlight(sender, 512, count, make([]byte, bodySize))
}

// measurePair measures both clients, theirs first if swapped.
func measurePair(names string, s scenario, count int64, swapped bool) (p pair, err error) {
	if !swapped {
		p.ours, err = measureOne("actormq", names, s, count)
	}
	if err == nil {
		p.theirs, err = measureOne("client-go", names, s, count)
	}
	if err == nil && swapped {
		p.ours, err = measureOne("actormq", names, s, count)
	}
	return p, err
}

func measureOne(client, names string, s scenario, count int64) (f figures, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	cmd := exec.Command(self, "worker", client, s.name, names, topicOf(s), fmt.Sprint(count))
	cmd.Dir, cmd.Stderr = filepath.Dir(self), os.Stderr
	cluster.DieWithParent(cmd)
	out, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("%s %s: %w", client, s.name, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return f, json.Unmarshal([]byte(lines[len(lines)-1]), &f)
}
