package broker

import (
	"errors"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
)

// settings owns the configuration while the broker runs: operators change what is live
// of it. Others read current when they need a value.
type settings struct {
	env      *env.Env
	current  *atomic.Pointer[config.Broker]
	topics   *actor.PID
	handlers front.Handlers
	version  messages.DataVersion
}

func (s *settings) routes() front.Handlers {
	return front.Handlers{
		messages.CodeUpdateBrokerConfig: s.update,
		messages.CodeGetBrokerConfig:    s.get,
	}
}

func settingsCodes() []messages.RequestCode { return (*settings)(nil).routes().Codes() }

func (s *settings) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.handlers = s.routes()
		s.version.Timestamp = s.env.Millis()
	case *messages.Requests:
		s.handlers.Serve(s.env, m)
	}
}

// update takes all changes or none. What cannot be written to the configuration file
// holds until the process ends, and is logged.
func (s *settings) update(r *front.Request) (*messages.Command, error) {
	old := s.current.Load()
	next, changed, err := old.Change(r.Command.Body)
	var forbidden *config.ForbiddenError
	switch {
	case errors.As(err, &forbidden):
		return nil, messages.Refuse(messages.NoPermission, "%s", err)
	case err != nil:
		return nil, messages.Refuse(messages.InvalidParameter, "%s", err)
	case len(changed) == 0:
		return r.Response(messages.Success, ""), nil
	}
	s.current.Store(&next)
	s.version.Next(s.env.Millis())
	s.env.Log.Info().Stringer("client", r.Peer.Remote).Strs("keys", slices.Sorted(maps.Keys(changed))).Msg("an operator changed the configuration")
	if next.BrokerPermission != old.BrokerPermission {
		s.env.Send(s.topics, &topics.Renew{})
	}
	if err := s.save(next.File, changed); err != nil {
		s.env.Log.Error().Err(err).Str("file", next.File).Msg("the changed configuration could not be saved; it holds until the broker ends")
	}
	return r.Response(messages.Success, ""), nil
}

// save changes the configuration file. What it was is kept in a backup.
func (s *settings) save(file string, changed map[string]string) error {
	if file == "" {
		return nil
	}
	return jsonfile.Edit(s.env.FS, file, func(old []byte) []byte { return config.Edit(old, changed) })
}

func (s *settings) get(r *front.Request) (*messages.Command, error) {
	version, err := s.version.Encode()
	if err != nil {
		return nil, err
	}
	response := r.Response(messages.Success, "")
	response.Body = []byte(s.current.Load().Properties())
	response.Ext.Set("version", string(version))
	return response, nil
}
