package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/actormq/actormq/actors/broker"
	"github.com/actormq/actormq/actors/config"
)

// exporter serves a broker's metrics. It is a server that never ends by itself.
type exporter struct {
	http http.Server
	addr net.Addr
	done chan struct{}
	err  error
}

// exportMetrics serves /metrics where the configuration says, if it does. The
// exporter must be stopped before its broker.
func exportMetrics(s *broker.Server, c config.Broker, log zerolog.Logger) (*exporter, error) {
	if c.MetricsExporterType != config.MetricsProm {
		return nil, nil
	}
	host := c.MetricsPromExporterHost
	if host == "" {
		host = c.BrokerIP1
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(c.MetricsPromExporterPort)))
	if err != nil {
		return nil, fmt.Errorf("metricsPromExporterPort: %w", explain(err))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Metrics(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: errorLog{log}, ErrorHandling: promhttp.ContinueOnError}))
	e := &exporter{http: http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, addr: listener.Addr(), done: make(chan struct{})}
	go func() {
		defer close(e.done)
		if err := e.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			e.err = err
		}
	}()
	return e, nil
}

// Stop ends the exporter when the scrapes under way are done, or after a while.
func (e *exporter) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := e.http.Shutdown(ctx)
	<-e.done
	return err
}

func (e *exporter) Done() <-chan struct{} { return e.done }
func (e *exporter) Err() error            { return e.err }

// errorLog has what went wrong in a scrape logged.
type errorLog struct{ zerolog.Logger }

func (l errorLog) Println(v ...any) { l.Warn().Msg(fmt.Sprint(v...)) }
