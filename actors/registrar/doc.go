// Package registrar makes a broker known to its name servers
// (RocketMQ: BrokerController.registerBrokerAll, BrokerOuterAPI).
//
// It has one rpc.Client per name server and treats each by itself, so that one
// that is down, or slow, delays no other:
//
//	Begin, the period, a new connection ─▶ all topics
//	topics.Changed ─ a moment later ─────▶ the topics that changed since the last
//	                                       registration that this name server took
//
// A name server forgets a broker when the connection breaks; then it is told
// everything again as soon as it can be reached. When the registrar stops, the
// name servers are told so before the connections close.
package registrar
