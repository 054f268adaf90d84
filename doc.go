// Package actormq is the Go client of RocketMQ name servers and brokers, those
// of this project and Apache's.
//
// A Client stands for one set of name servers. It finds out which broker has
// which queues and keeps a connection to each broker that it needs. Producers
// and Consumers are made from it and share its connections:
//
//	client, err := actormq.NewClient(actormq.Options{NameServers: []string{"127.0.0.1:9876"}})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
//	producer, err := client.NewProducer(actormq.ProducerOptions{Group: "writers"})
//	if err != nil {
//		return err
//	}
//	sent, err := producer.Send(ctx, &actormq.Message{Topic: "greetings", Body: []byte("hello")})
//
//	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
//		Group: "readers", Subscriptions: []actormq.Subscription{{Topic: "greetings"}},
//	})
//	if err != nil {
//		return err
//	}
//	err = consumer.Run(ctx, func(ctx context.Context, m *actormq.Received) error {
//		fmt.Printf("%s\n", m.Body)
//		return nil // an error has the message delivered again later
//	})
//
// Delivery is at least once: a message may come twice, after a failure or while
// a group's queues change hands.
//
// Producers keep the order of a key (Message.OrderKey), gather messages
// (Batching), keep away from brokers that are slow or fail (LatencyFault) and ask
// questions (Producer.Request). A TransactionProducer's messages are delivered if a
// local transaction took place. Options.Trace records what becomes of messages where
// RocketMQ's tools find it, Options.Spans makes OpenTelemetry spans, and Client.Stats
// and Client.Collector tell what a client does. docs/sdk.md has all of it, with what is guaranteed
// and a table for those who come from another client.
//
// Everything takes a context and ends with it. What brokers and name servers
// refuse comes as an *Error, which errors.Is compares with the sentinels of this
// package. All types may be used by several goroutines at once unless they say
// otherwise, and after Client.Close no goroutine or connection is left.
package actormq
