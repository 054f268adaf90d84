package env

import (
	"context"
	"log/slog"

	"github.com/rs/zerolog"
)

// slogHandler passes protoactor's log records to zerolog. The library's
// information level is about its own life, hence debug here.
type slogHandler struct {
	log   zerolog.Logger
	attrs []slog.Attr
}

func (h *slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.log.GetLevel() <= severity(level)
}

func (h *slogHandler) Handle(_ context.Context, r slog.Record) error {
	event := h.log.WithLevel(severity(r.Level))
	for _, a := range h.attrs {
		event = event.Str(a.Key, a.Value.String())
	}
	r.Attrs(func(a slog.Attr) bool {
		event = event.Str(a.Key, a.Value.String())
		return true
	})
	event.Msg(r.Message)
	return nil
}

func (h *slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &slogHandler{log: h.log, attrs: append(append([]slog.Attr{}, h.attrs...), attrs...)}
}

// WithGroup drops the group: the library uses none.
func (h *slogHandler) WithGroup(string) slog.Handler { return h }

func severity(level slog.Level) zerolog.Level {
	switch {
	case level >= slog.LevelError:
		return zerolog.ErrorLevel
	case level >= slog.LevelWarn:
		return zerolog.WarnLevel
	default:
		return zerolog.DebugLevel
	}
}
