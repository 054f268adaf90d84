package namesrv

import (
	"bytes"
	"io"
	"strings"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// fixed are the keys that operators may not set over the network
// (RocketMQ: DefaultRequestProcessor.initConfigBlackList).
var fixed = map[string]bool{"configBlackList": true, "configStorePath": true, "kvConfigPath": true, "rocketmqHome": true}

// settings owns the configuration while the name server runs. What operators
// change holds until the process ends: the file that it came from is theirs.
type settings struct {
	env      *env.Env
	current  *atomic.Pointer[config.NameServer]
	handlers front.Handlers
}

func settingsProps(e *env.Env, current *atomic.Pointer[config.NameServer]) *actor.Props {
	return e.Props(func() actor.Actor { return &settings{env: e, current: current} })
}

func (s *settings) routes() front.Handlers {
	return front.Handlers{
		messages.CodeUpdateNamesrvConfig: s.update,
		messages.CodeGetNamesrvConfig:    s.get,
	}
}

func settingsCodes() []messages.RequestCode { return (*settings)(nil).routes().Codes() }

func (s *settings) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.handlers = s.routes()
	case *messages.Requests:
		s.handlers.Serve(s.env, m)
	}
}

// update takes the keys that the name server knows and passes over others, as
// Apache's does.
func (s *settings) update(r *front.Request) (*messages.Command, error) {
	body := r.Command.Body
	asked, warnings, err := config.LoadNameServer(bytes.NewReader(body), "request")
	if err != nil {
		return nil, err
	}
	refused := asked.KVConfigPath != ""
	for _, w := range warnings {
		refused = refused || fixed[w.Key]
	}
	if refused {
		return nil, messages.Refuse(messages.NoPermission, "Can not update config in black list.")
	}
	old := s.current.Load()
	next, _, err := config.LoadNameServer(io.MultiReader(strings.NewReader(old.Properties()), bytes.NewReader(body)), "request")
	if err != nil {
		return nil, err
	}
	next.BindAddress, next.ListenPort = old.BindAddress, old.ListenPort // of the bound port
	if err := next.Validate(); err != nil {
		return nil, err
	}
	s.current.Store(&next)
	s.env.Log.Info().Stringer("client", r.Peer.Remote).Str("changes", string(body)).Msg("an operator changed the configuration")
	return r.Response(messages.Success, ""), nil
}

func (s *settings) get(r *front.Request) (*messages.Command, error) {
	response := r.Response(messages.Success, "")
	response.Body = []byte(s.current.Load().Properties())
	return response, nil
}
