package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/actormq/actormq"
)

// The values of -o.
const (
	outputText = "text"
	outputJSON = "json"
)

func checkOutput(output string) error {
	if output != outputText && output != outputJSON {
		return usagef("-o %s is neither text nor json", output)
	}
	return nil
}

func checkTopic(topic string) error {
	if topic == "" {
		return usagef("--topic is missing")
	}
	return nil
}

// nameServerFlag adds the flag that every client command has.
func nameServerFlag(f *pflag.FlagSet, to *[]string) {
	f.StringSliceVarP(to, "namesrv", "n", nil, "name servers, host:port (default $NAMESRV_ADDR, else 127.0.0.1:9876)")
}

// nameServers returns the name servers to use. Separators are commas, and
// semicolons as in Apache's tools.
func nameServers(given []string) []string {
	split := func(list string) []string {
		return strings.FieldsFunc(list, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	}
	servers := split(strings.Join(given, ","))
	if len(servers) == 0 {
		servers = split(os.Getenv("NAMESRV_ADDR"))
	}
	if len(servers) == 0 {
		servers = []string{"127.0.0.1:9876"}
	}
	return servers
}

// withHint adds what a newcomer does not know to an error.
func withHint(err error) error {
	if errors.Is(err, actormq.ErrNoNameServer) {
		return fmt.Errorf("%w (start one with `actormq standalone`, or say where it is with --namesrv)", err)
	}
	return err
}

// complainer returns a function that prints what goes wrong, but not the same
// again and again. It may be called from several goroutines.
func complainer(to io.Writer) func(error) {
	var mu sync.Mutex
	last := ""
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if text := oneLine(err); text != last {
			last = text
			fmt.Fprintln(to, "actormq:", text, "(trying again)")
		}
	}
}
