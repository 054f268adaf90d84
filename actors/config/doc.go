// Package config is the configuration of the roles, read from Apache's own
// property files: broker.conf and namesrv.conf keep working as they are.
//
// A field's `conf` tag is its key. Defaults are in DefaultBroker and
// DefaultNameServer; Validate checks what the types cannot say. Keys that Apache
// knows and this implementation does not are named in a warning if they are set
// to something else than Apache's default (known_broker.txt and
// known_namesrv.txt list both, from RocketMQ 5.5.0's config classes), unknown keys
// always. A value that cannot be parsed stops the start with its line.
package config
