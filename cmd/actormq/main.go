// Command actormq is the one binary: name server, broker, both in one, and the
// tools to try them. It holds flags, wiring and signals, and no logic.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes, besides 0 and 128 + the number of the signal that ended a
// client command.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // what was asked for could not be understood
	exitSignal = 128
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run carries out a command line and returns the exit code.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetIn(in)
	cmd.SetOut(out)
	cmd.SetErr(errOut)
	err := execute(cmd, args)
	if err == nil {
		return 0
	}
	var quiet *exitError
	if errors.As(err, &quiet) {
		return quiet.code
	}
	fmt.Fprintln(errOut, "actormq:", oneLine(err))
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

func execute(cmd *cobra.Command, args []string) error {
	if _, _, err := cmd.Find(args); err != nil {
		return &usageError{err} // no such command
	}
	return cmd.Execute()
}

// oneLine is the text of an error for a terminal or a log.
func oneLine(err error) string {
	text := strings.TrimPrefix(err.Error(), "actormq: ")
	return strings.NewReplacer(": actormq: ", ": ", "\n", "; ").Replace(text)
}

// exitError ends the process with a code and without a message.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// stopped is why the context of a client command ended.
type stopped struct{ signal os.Signal }

func (s stopped) Error() string { return "stopped by " + s.signal.String() }

// untilSignal returns a context that the first SIGINT or SIGTERM ends, so that a
// client command can finish what it has begun. The second one has its default
// effect.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(stopped{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// interrupted returns the error that ends a client command after a signal, nil if
// there was none.
func interrupted(ctx context.Context) error {
	var by stopped
	if !errors.As(context.Cause(ctx), &by) {
		return nil
	}
	if n, ok := by.signal.(syscall.Signal); ok {
		return &exitError{code: exitSignal + int(n)}
	}
	return &exitError{code: exitFailed}
}

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
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	cmd.AddCommand(standaloneCommand(), namesrvCommand(), brokerCommand(),
		produceCommand(), consumeCommand(), benchCommand(), versionCommand())
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
