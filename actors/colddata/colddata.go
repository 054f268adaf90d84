package colddata

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// span is the time that limits are for.
const span = 5 * time.Second

// Options configures ColdData.
type Options struct {
	Env     *env.Env
	Control *Control
	Rules   func() Rules
}

// Props returns the props of ColdData. A restart changes nothing but the length of a
// span.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &coldData{Options: o} })
}

// Codes lists the request codes that ColdData answers.
func Codes() []messages.RequestCode { return (*coldData)(nil).routes().Codes() }

type coldData struct {
	Options
	handlers front.Handlers
	tick     env.Timer
}

type spanOver struct{}

func (c *coldData) routes() front.Handlers {
	return front.Handlers{
		messages.CodeUpdateColdDataFlowCtrConfig: c.update,
		messages.CodeRemoveColdDataFlowCtrConfig: c.remove,
		messages.CodeGetColdDataFlowCtrInfo:      c.get,
	}
}

func (c *coldData) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.handlers = c.routes()
		c.tick = c.Env.Tell(ctx.Self(), span, &spanOver{})
	case *messages.Requests:
		c.handlers.Serve(c.Env, m)
	case *spanOver:
		c.Control.next(c.Env.Millis())
		c.tick = c.Env.Tell(ctx.Self(), span, &spanOver{})
	case *actor.Stopping, *actor.Restarting:
		c.tick.Stop()
	}
}

// update sets the limits of groups: lines "group=bytes". What is no number is passed
// over, as Apache's broker does.
func (c *coldData) update(r *front.Request) (*messages.Command, error) {
	entries, err := config.Entries(bytes.NewReader(r.Command.Body))
	if err != nil {
		return nil, err
	}
	for _, group := range slices.Sorted(maps.Keys(entries)) {
		text := entries[group]
		limit, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			c.Env.Log.Warn().Str("group", group).Str("limit", text).Msg("a limit of cold data is no number")
			continue
		}
		c.Control.setLimit(group, limit)
		c.Env.Log.Info().Str("group", group).Int64("limit", limit).Msg("an operator limited the cold data of a group")
	}
	return r.Response(messages.Success, ""), nil
}

// remove takes away the limit of the group whose name is the body.
func (c *coldData) remove(r *front.Request) (*messages.Command, error) {
	c.Control.removeLimit(string(r.Command.Body))
	return r.Response(messages.Success, ""), nil
}

func (c *coldData) get(r *front.Request) (*messages.Command, error) {
	response := r.Response(messages.Success, "")
	var err error
	response.Body, err = json.Marshal(c.Control.state(c.Rules()))
	return response, err
}
