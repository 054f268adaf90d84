package main

import (
	"os"
	"strings"

	"github.com/spf13/pflag"
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
