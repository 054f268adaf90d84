package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/actormq/actormq"
)

// sender sends messages to one topic.
type sender interface {
	send(body []byte) error
	// start starts a send, whose end is told to done.
	start(body []byte, done func(error)) error
	close() error
}

// client makes a sender, and consumes.
type client interface {
	sender(names, topic string) (sender, error)
	// consume calls handle for each message of a topic, from its first one on, until
	// ctx ends.
	consume(ctx context.Context, names, topic, group string, handle func()) error
}

// clients are those that are compared.
var clients = map[string]client{"actormq": ours{}, "client-go": theirs{}}

type ours struct{}

type ourSender struct {
	client *actormq.Client
	p      *actormq.Producer
	topic  string
}

func (ours) sender(names, topic string) (sender, error) {
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{names}})
	if err != nil {
		return nil, err
	}
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "sdkbench"})
	return &ourSender{c, p, topic}, err
}

func (s *ourSender) send(body []byte) error {
	_, err := s.p.Send(context.Background(), &actormq.Message{Topic: s.topic, Body: body})
	return err
}

func (s *ourSender) start(body []byte, done func(error)) error {
	return s.p.SendAsync(context.Background(), &actormq.Message{Topic: s.topic, Body: body}, func(_ actormq.Sent, err error) { done(err) })
}

func (s *ourSender) close() error { return s.client.Close() }

func (ours) consume(ctx context.Context, names, topic, group string, handle func()) error {
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{names}})
	if err != nil {
		return err
	}
	defer c.Close()
	member, err := c.NewConsumer(actormq.ConsumerOptions{
		Group: group, From: actormq.FromFirst, Subscriptions: []actormq.Subscription{{Topic: topic}},
	})
	if err != nil {
		return err
	}
	return member.Run(ctx, func(context.Context, *actormq.Received) error {
		handle()
		return nil
	})
}

type theirs struct{}

type theirSender struct {
	p     rocketmq.Producer
	topic string
}

func (theirs) sender(names, topic string) (sender, error) {
	rlog.SetLogLevel("error")
	p, err := rocketmq.NewProducer(producer.WithNameServer(primitive.NamesrvAddr{names}), producer.WithGroupName("sdkbench"))
	if err != nil {
		return nil, err
	}
	return &theirSender{p, topic}, p.Start()
}

func (s *theirSender) send(body []byte) error {
	_, err := s.p.SendSync(context.Background(), primitive.NewMessage(s.topic, body))
	return err
}

func (s *theirSender) start(body []byte, done func(error)) error {
	return s.p.SendAsync(context.Background(), func(_ context.Context, _ *primitive.SendResult, err error) { done(err) }, primitive.NewMessage(s.topic, body))
}

func (s *theirSender) close() error { return s.p.Shutdown() }

func (theirs) consume(ctx context.Context, names, topic, group string, handle func()) error {
	rlog.SetLogLevel("error")
	c, err := rocketmq.NewPushConsumer(
		consumer.WithNameServer(primitive.NamesrvAddr{names}), consumer.WithGroupName(group),
		consumer.WithInstance(fmt.Sprint("sdkbench-", os.Getpid())), consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	if err != nil {
		return err
	}
	all := consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}
	err = c.Subscribe(topic, all, func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for range messages {
			handle()
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	return c.Shutdown()
}

// callers has n goroutines send until count messages are sent.
func callers(s sender, n int, count int64, body []byte) error {
	var left atomic.Int64
	left.Store(count)
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for left.Add(-1) >= 0 && failed.Load() == nil {
				if err := s.send(body); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// inFlight has at most n sends under way until count messages are sent.
func inFlight(s sender, n int, count int64, body []byte) error {
	slots := make(chan error, n)
	for range n {
		slots <- nil
	}
	done := func(err error) { slots <- err }
	for range count {
		if err := <-slots; err != nil {
			return err
		}
		if err := s.start(body, done); err != nil {
			return err
		}
	}
	for range n {
		if err := <-slots; err != nil {
			return err
		}
	}
	return nil
}
