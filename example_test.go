package actormq_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/actormq/actormq"
)

func ExampleProducer_Send() {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{"127.0.0.1:9876"}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	producer, err := client.NewProducer(actormq.ProducerOptions{Group: "writers"})
	if err != nil {
		log.Fatal(err)
	}
	sent, err := producer.Send(context.Background(), &actormq.Message{
		Topic: "greetings", Body: []byte("hello"), Tags: "polite", Keys: []string{"greeting-1"},
	})
	switch {
	case errors.Is(err, actormq.ErrBusy):
		log.Print("the broker has too much to do: ", err)
	case err != nil:
		log.Print(err)
	default:
		fmt.Println(sent.ID, "is in", sent.Queue, "at", sent.Offset)
	}
}

func ExampleConsumer_Run() {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{"127.0.0.1:9876"}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
		Group:         "readers",
		Subscriptions: []actormq.Subscription{{Topic: "greetings", Tags: "polite || curt"}},
		From:          actormq.FromFirst,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err = consumer.Run(ctx, func(_ context.Context, m *actormq.Received) error {
		fmt.Printf("%s (attempt %d)\n", m.Body, m.Attempts+1)
		return nil
	})
	if err != nil {
		log.Print(err)
	}
}

func newClient() *actormq.Client {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{"127.0.0.1:9876"}})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func newProducer(client *actormq.Client, o actormq.ProducerOptions) *actormq.Producer {
	o.Group = "writers"
	producer, err := client.NewProducer(o)
	if err != nil {
		log.Fatal(err)
	}
	return producer
}

// Name servers from an address server, a tenant's namespace, signatures and TLS.
func ExampleNewClient() {
	client, err := actormq.NewClient(actormq.Options{
		Resolve:     actormq.ResolveHTTP("http://jmenv.example.com:8080/rocketmq/nsaddr", "", nil),
		Namespace:   "shop",
		Credentials: &actormq.Credentials{AccessKey: os.Getenv("MQ_ACCESS_KEY"), SecretKey: os.Getenv("MQ_SECRET_KEY")},
		TLS:         &tls.Config{MinVersion: tls.VersionTLS12},
		Log:         slog.Default(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

// All messages of an order go to one queue, in the order in which they are sent.
func ExampleMessage_orderKey() {
	client := newClient()
	defer client.Close()
	producer := newProducer(client, actormq.ProducerOptions{})
	for _, step := range []string{"placed", "paid", "shipped"} {
		m := &actormq.Message{Topic: "orders", Body: []byte(step), OrderKey: "order-4711"}
		if _, err := producer.Send(context.Background(), m); err != nil {
			log.Print(err) // what follows must wait: sending it would overtake this step
			return
		}
	}
}

func ExampleMessage_deliverAt() {
	client := newClient()
	defer client.Close()
	producer := newProducer(client, actormq.ProducerOptions{})
	_, err := producer.Send(context.Background(), &actormq.Message{
		Topic: "reminders", Body: []byte("call back"), DeliverAt: time.Now().Add(90 * time.Minute),
	})
	if err != nil {
		log.Print(err)
	}
}

func ExampleProducer_SendAsync() {
	client := newClient()
	defer client.Close()
	producer := newProducer(client, actormq.ProducerOptions{MaxInFlight: 1000})
	for i := range 10_000 {
		err := producer.SendAsync(context.Background(), &actormq.Message{Topic: "events", Body: fmt.Append(nil, i)},
			func(_ actormq.Sent, err error) {
				if err != nil {
					log.Printf("event %d: %v", i, err)
				}
			})
		if err != nil {
			log.Print(err)
		}
	}
	if err := producer.Close(); err != nil { // waits for all of them
		log.Print(err)
	}
}

// Small messages are sent together; each keeps its own result.
func ExampleBatching() {
	client := newClient()
	defer client.Close()
	producer := newProducer(client, actormq.ProducerOptions{
		Batching: &actormq.Batching{MaxBytes: 64 << 10, Linger: 2 * time.Millisecond},
	})
	defer producer.Close()
	err := producer.SendAsync(context.Background(), &actormq.Message{Topic: "clicks", Body: []byte("x")},
		func(sent actormq.Sent, err error) { fmt.Println(sent.ID, sent.Offset, err) })
	if err != nil {
		log.Print(err)
	}
}

// A broker that takes more than 100 ms gets no sends for 2 s, and one that fails
// for 30 s or until it answers again.
func ExampleLatencyFault() {
	client := newClient()
	defer client.Close()
	producer := newProducer(client, actormq.ProducerOptions{
		AttemptTimeout: time.Second,
		LatencyFault: &actormq.LatencyFault{
			Steps:  []actormq.LatencyStep{{Latency: 100 * time.Millisecond, Isolation: 2 * time.Second}},
			Detect: true,
		},
	})
	defer producer.Close()
	for _, b := range client.Stats().Brokers {
		fmt.Println(b.Broker, b.Latency, b.Isolated, b.Reachable)
	}
}

func ExampleProducer_Request() {
	client := newClient()
	defer client.Close()
	producer := newProducer(client, actormq.ProducerOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	reply, err := producer.Request(ctx, &actormq.Message{Topic: "prices", Body: []byte("tea")})
	switch {
	case errors.Is(err, actormq.ErrNoReply):
		log.Print("nobody answered: ", err)
	case err != nil:
		log.Print(err)
	default:
		fmt.Printf("%s\n", reply.Body)
	}
}

func ExampleProducer_Recall() {
	client := newClient()
	defer client.Close()
	producer := newProducer(client, actormq.ProducerOptions{})
	sent, err := producer.Send(context.Background(), &actormq.Message{
		Topic: "reminders", Body: []byte("pay the invoice"), DeliverAt: time.Now().Add(24 * time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	// It is paid.
	if _, err := producer.Recall(context.Background(), "reminders", sent.RecallHandle); err != nil {
		log.Print("the reminder will come: ", err)
	}
}

func ExampleProducer_Reply() {
	client := newClient()
	defer client.Close()
	producer := newProducer(client, actormq.ProducerOptions{})
	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: "pricing", Subscriptions: []actormq.Subscription{{Topic: "prices"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	err = consumer.Run(context.Background(), func(ctx context.Context, m *actormq.Received) error {
		return producer.Reply(ctx, m, []byte("4.20"))
	})
	if err != nil {
		log.Print(err)
	}
}

func ExampleClient_Collector() {
	client := newClient()
	defer client.Close()
	collector := client.Collector()
	prometheus.MustRegister(collector)
	defer prometheus.Unregister(collector)
}

func ExampleTransactionProducer_Send() {
	client := newClient()
	defer client.Close()
	var paid func(id string) bool       // looks the payment up
	var pay func(id string) (err error) // keeps the id with the payment

	producer, err := client.NewTransactionProducer(actormq.TransactionOptions{
		ProducerOptions: actormq.ProducerOptions{Group: "payers"},
		Check: func(_ context.Context, m *actormq.Received) (actormq.Decision, error) {
			if paid(m.ID) {
				return actormq.Commit, nil
			}
			return actormq.Rollback, nil
		},
		FirstCheck: time.Minute, // a payment takes less
		Topics:     []string{"payments"},
	})
	if err != nil {
		log.Fatal(err)
	}
	m := &actormq.Message{Topic: "payments", Body: []byte("7 euros")}
	_, err = producer.Send(context.Background(), m, func(_ context.Context, _ *actormq.Message, half actormq.Sent) (actormq.Decision, error) {
		if err := pay(half.ID); err != nil {
			return actormq.Rollback, err
		}
		return actormq.Commit, nil
	})
	if err != nil {
		log.Print("not paid: ", err)
	}
}

// What becomes of messages is kept in the topic RMQ_SYS_TRACE_TOPIC, where
// `mqadmin queryMsgTraceById -i <id>` finds it.
func ExampleTrace() {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{"127.0.0.1:9876"}, Trace: &actormq.Trace{}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close() // sends the last records
	producer := newProducer(client, actormq.ProducerOptions{})
	if _, err := producer.Send(context.Background(), &actormq.Message{Topic: "orders", Body: []byte("paid"), Keys: []string{"order-4711"}}); err != nil {
		log.Print(err)
	}
}

// The handler's span is a child of the one that sent the message, in whichever
// process that was.
func ExampleSpans() {
	provider := sdktrace.NewTracerProvider() // with an exporter
	defer provider.Shutdown(context.Background())
	client, err := actormq.NewClient(actormq.Options{
		NameServers: []string{"127.0.0.1:9876"}, Spans: &actormq.Spans{Provider: provider},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	consumer, err := client.NewConsumer(actormq.ConsumerOptions{Group: "shippers", Subscriptions: []actormq.Subscription{{Topic: "orders"}}})
	if err != nil {
		log.Fatal(err)
	}
	err = consumer.Run(context.Background(), func(ctx context.Context, m *actormq.Received) error {
		_, span := provider.Tracer("shop").Start(ctx, "ship")
		defer span.End()
		return nil
	})
	log.Print(err)
}
