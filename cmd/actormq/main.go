// Command actormq is the one binary: name server, broker, both in one, and the
// tools to try them. It holds flags, wiring and signals, and no logic.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := root().Execute(); err != nil {
		var quiet *exitError
		if errors.As(err, &quiet) {
			os.Exit(quiet.code)
		}
		fmt.Fprintln(os.Stderr, "actormq:", err)
		os.Exit(1)
	}
}

// exitError ends the process with a code and without a message.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "actormq",
		Short:         "A message broker that speaks RocketMQ, in one binary",
		SilenceUsage:  true,
		SilenceErrors: true,
		Example: `  actormq standalone                      a name server and a broker, data in ./data
  echo hello | actormq produce --topic t  send a message
  actormq consume --topic t --from first  receive it`,
	}
	cmd.PersistentFlags().String("log-level", "info", "least severity to log: debug, info, warn, error")
	cmd.AddCommand(standaloneCommand(), namesrvCommand(), brokerCommand(), versionCommand())
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), version()) },
	}
}
