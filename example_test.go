package actormq_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"

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
