package actormq

import "github.com/actormq/actormq/messages"

type Consumer struct{ data messages.ConsumerData }

func (c *Consumer) rebalanceSoon() {}
