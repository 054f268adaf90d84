package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/actors/broker"
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/transport/tcp"
)

// version tells which build this is and which release of RocketMQ it speaks for.
func version() string {
	build := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		build = info.Main.Version
	}
	return "actormq " + build + " (RocketMQ 5.5.0)"
}

// host is the production environment and what has to be closed after it.
type host struct {
	*env.Env
	network *tcp.Network
	pool    *mailbox.Pool
	stops   []func()
}

func newHost(cmd *cobra.Command) (*host, error) {
	text, _ := cmd.Flags().GetString("log-level")
	level, err := zerolog.ParseLevel(text)
	if err != nil {
		return nil, fmt.Errorf("--log-level %s: unknown", text)
	}
	log := zerolog.New(zerolog.ConsoleWriter{Out: cmd.ErrOrStderr(), TimeFormat: time.StampMilli}).Level(level).With().Timestamp().Logger()
	h := &host{network: tcp.New(tcp.Options{}), pool: mailbox.NewPool()}
	h.Env = env.System(h.network, vfs.OS(), h.pool, log)
	ctx, stop := context.WithCancel(context.Background())
	tune(ctx)
	stopProfiles, err := servePprof(cmd, log)
	if err != nil {
		stop()
		return nil, err
	}
	h.stops = []func(){stop, stopProfiles}
	return h, nil
}

func (h *host) close() {
	for _, stop := range h.stops {
		stop()
	}
	h.network.Close()
	h.pool.Close()
}

// server is a broker or a name server.
type server interface {
	Stop() error
	Done() <-chan struct{}
	Err() error
}

// runUntilSignal waits for a signal, or for a server to end by itself, and stops
// the servers, the last one first. A second signal ends the process at once.
func runUntilSignal(ctx context.Context, servers ...server) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, len(servers))
	for _, s := range servers {
		go func() {
			<-s.Done()
			ended <- s.Err()
		}()
	}
	var failed error
	select {
	case <-ctx.Done():
		stop() // the next signal has its default effect
	case failed = <-ended:
	}
	for i := len(servers) - 1; i >= 0; i-- {
		failed = errors.Join(failed, servers[i].Stop())
	}
	return failed
}

// explain turns the usual failures of a start into advice.
func explain(err error) error {
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return fmt.Errorf("%w; is another broker running on this directory?", err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; choose another port, or stop what listens there", err)
	}
	return err
}

func standaloneCommand() *cobra.Command {
	var (
		data        string
		listen      string
		namesrvPort int
		brokerPort  int
		syncFlush   bool
		metricsPort int
	)
	cmd := &cobra.Command{
		Use:   "standalone",
		Short: "Run a name server and a broker in one process",
		Example: `  actormq standalone
  actormq standalone --data /var/lib/actormq --namesrv-port 9876 --broker-port 10911
  actormq standalone --listen 0.0.0.0 --advertise 10.0.0.5`,
		Args: cobra.NoArgs,
	}
	var advertise string
	pprofFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&data, "data", "./data", "directory of the store")
	flags.StringVar(&listen, "listen", "127.0.0.1", "address to listen on")
	flags.StringVar(&advertise, "advertise", "", "address that clients reach the broker at (default: --listen)")
	flags.IntVar(&namesrvPort, "namesrv-port", 9876, "port of the name server")
	flags.IntVar(&brokerPort, "broker-port", 10911, "port of the broker; it also uses the one two below")
	flags.BoolVar(&syncFlush, "sync-flush", false, "answer a send when it is on disk (flushDiskType=SYNC_FLUSH)")
	flags.IntVar(&metricsPort, "metrics-port", 0, "port to serve metrics for Prometheus at (default: none)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		h, err := newHost(cmd)
		if err != nil {
			return err
		}
		defer h.close()
		if advertise == "" {
			advertise = listen
		}
		ns := config.DefaultNameServer()
		ns.BindAddress, ns.ListenPort = listen, namesrvPort
		ns.KVConfigPath = filepath.Join(data, "namesrv", "kvConfig.json")
		names, err := namesrv.Start(h.Env, ns)
		if err != nil {
			return explain(err)
		}
		b := config.DefaultBroker()
		b.BindAddress, b.BrokerIP1, b.ListenPort = listen, advertise, brokerPort
		b.StorePathRootDir, b.NamesrvAddr = data, names.Addr().String()
		if syncFlush {
			b.FlushDiskType = config.SyncFlush
		}
		if metricsPort != 0 {
			b.MetricsExporterType, b.MetricsPromExporterHost, b.MetricsPromExporterPort = config.MetricsProm, listen, metricsPort
		}
		s, err := broker.Start(h.Env, b)
		if err != nil {
			return errors.Join(explain(err), names.Stop())
		}
		metrics, err := exportMetrics(s, b, h.Log)
		if err != nil {
			return errors.Join(err, s.Stop(), names.Stop())
		}
		awaitRegistration(cmd.Context(), names.Addr().String())
		out := cmd.OutOrStdout()
		fmt.Fprintf(out, "name server  %s\nbroker       %s:%d\ndata         %s\n\n", names.Addr(), advertise, brokerPort, data)
		if metrics != nil {
			fmt.Fprintf(out, "metrics      http://%s/metrics\n\n", metrics.addr)
		}
		fmt.Fprintf(out, "send a message:  echo hello | %s produce --namesrv %s --topic greetings\n", os.Args[0], names.Addr())
		fmt.Fprintf(out, "receive it:      %s consume --namesrv %s --topic greetings --from first --max 1\n", os.Args[0], names.Addr())
		if metrics != nil {
			return runUntilSignal(cmd.Context(), names, s, metrics)
		}
		return runUntilSignal(cmd.Context(), names, s)
	}
	return cmd
}

// registrationLimit is how long a start waits for the broker to be known to the
// name server. If it takes longer, clients will find it later.
const registrationLimit = 2 * time.Second

// awaitRegistration waits until clients can find the broker, so that the first
// message can be sent when the output says so.
func awaitRegistration(ctx context.Context, nameServer string) {
	ctx, cancel := context.WithTimeout(ctx, registrationLimit)
	defer cancel()
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{nameServer}})
	if err != nil {
		return
	}
	defer client.Close()
	for pause := time.Millisecond; ctx.Err() == nil; pause *= 2 {
		if _, err := client.Queues(ctx, messages.TopicDefault); err == nil {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func namesrvCommand() *cobra.Command {
	var file string
	var print bool
	cmd := &cobra.Command{
		Use:   "namesrv",
		Short: "Run a name server",
		Example: `  actormq namesrv
  actormq namesrv -c namesrv.conf
  actormq namesrv -c namesrv.conf -p      print the configuration in effect`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration, in Apache's properties format")
	cmd.Flags().BoolVarP(&print, "print", "p", false, "print the configuration and exit")
	pprofFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		h, err := newHost(cmd)
		if err != nil {
			return err
		}
		defer h.close()
		c := config.DefaultNameServer()
		if file != "" {
			if c, err = loadConfig(h, file, config.LoadNameServer); err != nil {
				return err
			}
		}
		if err := c.Validate(); err != nil {
			return err
		}
		if print {
			fmt.Fprint(cmd.OutOrStdout(), c.Properties())
			return nil
		}
		s, err := namesrv.Start(h.Env, c)
		if err != nil {
			return explain(err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "name server  %s\n", s.Addr())
		return runUntilSignal(cmd.Context(), s)
	}
	return cmd
}

func brokerCommand() *cobra.Command {
	var file, names string
	var print bool
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a broker",
		Example: `  actormq broker -c broker.conf
  actormq broker -c broker.conf -n 10.0.0.1:9876;10.0.0.2:9876
  actormq broker -c broker.conf -p        print the configuration in effect`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration, in Apache's properties format")
	cmd.Flags().StringVarP(&names, "namesrv", "n", "", "name servers, instead of namesrvAddr")
	cmd.Flags().BoolVarP(&print, "print", "p", false, "print the configuration and exit")
	pprofFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		h, err := newHost(cmd)
		if err != nil {
			return err
		}
		defer h.close()
		c := config.DefaultBroker()
		if file != "" {
			if c, err = loadConfig(h, file, config.LoadBroker); err != nil {
				return err
			}
			c.File = file
		}
		if names != "" {
			c.NamesrvAddr = names
		}
		if err := c.Validate(); err != nil {
			return err
		}
		if print {
			fmt.Fprint(cmd.OutOrStdout(), c.Properties())
			return nil
		}
		if len(c.NameServers()) == 0 {
			h.Log.Warn().Msg("no name server is configured (namesrvAddr): clients will not find this broker by themselves")
		}
		s, err := broker.Start(h.Env, c)
		if err != nil {
			return explain(err)
		}
		metrics, err := exportMetrics(s, c, h.Log)
		if err != nil {
			return errors.Join(err, s.Stop())
		}
		fmt.Fprintf(cmd.OutOrStdout(), "broker %s  %s\n", c.BrokerName, s.Addr())
		if metrics != nil {
			fmt.Fprintf(cmd.OutOrStdout(), "metrics  http://%s/metrics\n", metrics.addr)
			return runUntilSignal(cmd.Context(), s, metrics)
		}
		return runUntilSignal(cmd.Context(), s)
	}
	return cmd
}

// loadConfig reads a property file and logs its warnings.
func loadConfig[C any](h *host, file string, load func(r io.Reader, name string) (C, []config.Warning, error)) (C, error) {
	f, err := os.Open(file)
	if err != nil {
		var none C
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("there is no configuration file %s", file)
		}
		return none, err
	}
	defer f.Close()
	c, warnings, err := load(f, file)
	for _, w := range warnings {
		h.Log.Warn().Msg(w.String())
	}
	return c, err
}
