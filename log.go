package actormq

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"

	"github.com/rs/zerolog"
)

// logBridge passes what actors log, which is rare, to the user's logger.
type logBridge struct{ log *slog.Logger }

// Write implements io.Writer.
func (b logBridge) Write(line []byte) (int, error) { return b.WriteLevel(zerolog.InfoLevel, line) }

// WriteLevel implements zerolog.LevelWriter. line is a JSON object.
func (b logBridge) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	severity := slog.LevelInfo
	switch {
	case level >= zerolog.ErrorLevel:
		severity = slog.LevelError
	case level == zerolog.WarnLevel:
		severity = slog.LevelWarn
	case level <= zerolog.DebugLevel:
		severity = slog.LevelDebug
	}
	if !b.log.Enabled(context.Background(), severity) {
		return len(line), nil
	}
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		b.log.Log(context.Background(), severity, string(line))
		return len(line), nil
	}
	message, _ := fields[zerolog.MessageFieldName].(string)
	delete(fields, zerolog.MessageFieldName)
	delete(fields, zerolog.LevelFieldName)
	var attrs []any
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		attrs = append(attrs, slog.Any(name, fields[name]))
	}
	b.log.Log(context.Background(), severity, message, attrs...)
	return len(line), nil
}
