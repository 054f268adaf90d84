// Package goclient holds the cases of rocketmq-client-go v2.1.2, as an
// application would use it: every case is an ordinary test against the cluster
// that the environment names.
package goclient
