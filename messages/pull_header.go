package messages

// PullHeader is the header of a pull request. Its strings are copies.
// (RocketMQ: PullMessageRequestHeader)
type PullHeader struct {
	ConsumerGroup        string
	Topic                string
	QueueID              int32
	QueueOffset          int64 // first offset wanted
	MaxMsgNums           int32
	SysFlag              int32
	CommitOffset         int64
	SuspendTimeoutMillis int64
	Subscription         string
	SubVersion           int64
	ExpressionType       string
}

// ParsePull parses the header of codes 11 and 361. It fails with a *FieldError.
func ParsePull(c *Command, h *PullHeader) error {
	*h = PullHeader{}
	ext := &c.Ext
	var err error
	text := func(to *string, name string) {
		if err == nil {
			*to, err = ext.RequiredText(name)
		}
	}
	number := func(to *int32, name string) {
		if err == nil {
			*to, err = ext.Int32(name)
		}
	}
	long := func(to *int64, name string, required bool) {
		switch {
		case err != nil:
		case required:
			*to, err = ext.Int64(name)
		default:
			*to, err = ext.Int64Or(name, 0)
		}
	}
	text(&h.ConsumerGroup, "consumerGroup")
	text(&h.Topic, "topic")
	number(&h.QueueID, "queueId")
	long(&h.QueueOffset, "queueOffset", true)
	number(&h.MaxMsgNums, "maxMsgNums")
	number(&h.SysFlag, "sysFlag")
	long(&h.CommitOffset, "commitOffset", true)
	long(&h.SuspendTimeoutMillis, "suspendTimeoutMillis", true)
	long(&h.SubVersion, "subVersion", false) // the Go client's push consumer sends none
	h.Subscription = ext.Text("subscription")
	h.ExpressionType = ext.Text("expressionType")
	return err
}
