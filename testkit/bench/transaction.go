package bench

import (
	"fmt"
	"strconv"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// commit makes the requests that commit half messages.
type commit struct {
	broker, topic string
	binary        bool
}

func newCommit(q actormq.Queue, o *Options) *commit {
	return &commit{broker: q.Broker, topic: q.Topic, binary: o.Binary}
}

// offsetDigits end the id of a message: its place in the CommitLog.
const offsetDigits = 16

// append appends the request that commits the half which response acknowledges.
// Nobody answers it.
func (c *commit) append(dst, response []byte) ([]byte, error) {
	var r messages.Command
	if err := remoting.Decode(response, &r); err != nil {
		return dst, fmt.Errorf("bench: answer to a half: %w", err)
	}
	id := r.Ext.Text("msgId")
	logOffset, err := strconv.ParseInt(id[max(0, len(id)-offsetDigits):], 16, 64)
	if err != nil {
		return dst, fmt.Errorf("bench: answer to a half: its id: %w", err)
	}
	tableOffset, err := r.Ext.Int64("queueOffset")
	if err != nil {
		return dst, fmt.Errorf("bench: answer to a half: %w", err)
	}
	end := messages.EndTransaction{
		Topic: c.topic, ProducerGroup: benchGroup, TableOffset: tableOffset, LogOffset: logOffset,
		Outcome: messages.SysFlagCommit, MsgID: r.Ext.Text("transactionId"), TransactionID: r.Ext.Text("transactionId"),
	}
	request := messages.Command{
		Code: int32(messages.CodeEndTransaction), Language: messages.Go, Version: messages.ProtocolVersion, Flag: messages.FlagOneway,
	}
	if c.binary {
		request.Encoding = messages.BinaryHeader
	}
	end.Set(&request.Ext)
	request.Ext.Set("bname", c.broker)
	return remoting.AppendFrame(dst, &request), nil
}
