package actormq_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/actormq/actormq"
)

// exampleClient is a client of a name server on this machine.
func exampleClient() *actormq.Client {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{"127.0.0.1:9876"}})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// Messages of one queue are handled one after the other. One that fails is tried
// again, then put aside, and holds up its queue until then.
func ExampleConsumer_Run_ordered() {
	client := exampleClient()
	defer client.Close()
	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: "billing", Subscriptions: []actormq.Subscription{{Topic: "orders"}},
		Ordered: true, Suspend: 5 * time.Second, MaxAttempts: 10,
	})
	if err != nil {
		log.Fatal(err)
	}
	err = consumer.Run(context.Background(), func(_ context.Context, m *actormq.Received) error {
		if len(m.Body) == 0 {
			return &actormq.Retry{Err: errors.New("an empty order"), Level: actormq.DeadLetter}
		}
		fmt.Printf("%s: %s\n", m.Queue, m.Body)
		return nil
	})
	log.Print(err)
}

// A handler of batches says how far it came.
func ExampleConsumer_RunBatches() {
	client := exampleClient()
	defer client.Close()
	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: "archive", Subscriptions: []actormq.Subscription{{Topic: "events"}}, Batch: 100,
	})
	if err != nil {
		log.Fatal(err)
	}
	store := func([]byte) error { return nil }
	err = consumer.RunBatches(context.Background(), func(_ context.Context, batch []*actormq.Received) error {
		for i, m := range batch {
			if err := store(m.Body); err != nil {
				return &actormq.Retry{Err: err, Handled: i} // the others come again
			}
		}
		return nil
	})
	log.Print(err)
}

// Every process gets all messages, from where the last one with its file ended.
func ExampleClient_NewConsumer_broadcasting() {
	client := exampleClient()
	defer client.Close()
	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: "caches", Subscriptions: []actormq.Subscription{{Topic: "invalidations"}},
		Broadcasting: true, OffsetFile: "/var/lib/cache/offsets.json",
	})
	if err != nil {
		log.Fatal(err)
	}
	err = consumer.Run(context.Background(), func(_ context.Context, m *actormq.Received) error {
		fmt.Println("forget", m.Keys)
		return nil
	})
	log.Print(err)
}

// The machine room is in front of the first dash of names of brokers and of ids of
// clients.
func ExampleMachineRoomNearby() {
	room := func(name string) string { return name[:4] }
	client := exampleClient()
	defer client.Close()
	_, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: "readers", Subscriptions: []actormq.Subscription{{Topic: "greetings"}},
		Strategy: actormq.MachineRoomNearby{
			BrokerRoom: func(q actormq.Queue) string { return room(q.Broker) }, MemberRoom: room,
		},
	})
	if err != nil {
		log.Fatal(err)
	}
}

// The loop gets a message when it asks for one. Commit makes sure of the last ones.
func ExamplePullConsumer_Messages() {
	client := exampleClient()
	defer client.Close()
	consumer, err := client.NewPullConsumer(actormq.PullConsumerOptions{
		Group: "readers", Subscriptions: []actormq.Subscription{{Topic: "greetings"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for m, err := range consumer.Messages(ctx) {
		if err != nil {
			log.Print(err) // the minute is over
			break
		}
		fmt.Printf("%s\n", m.Body)
	}
	if err := consumer.Commit(context.Background()); err != nil {
		log.Print(err)
	}
}

// A queue is read again from yesterday on.
func ExamplePullConsumer_Assign() {
	client := exampleClient()
	defer client.Close()
	ctx := context.Background()
	queues, err := client.Queues(ctx, "greetings")
	if err != nil {
		log.Fatal(err)
	}
	consumer, err := client.NewPullConsumer(actormq.PullConsumerOptions{Group: "audit", ManualCommit: true})
	if err != nil {
		log.Fatal(err)
	}
	defer consumer.Close()
	if err := consumer.Assign(ctx, queues[0]); err != nil {
		log.Fatal(err)
	}
	if err := consumer.SeekToTime(ctx, queues[0], time.Now().AddDate(0, 0, -1)); err != nil {
		log.Fatal(err)
	}
	batch, err := consumer.Poll(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(batch), "messages from", batch[0].Stored)
}
