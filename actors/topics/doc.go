// Package topics owns the topics of a broker: their queues, permissions and
// attributes (RocketMQ: TopicConfigManager and the topic requests of
// AdminBrokerProcessor).
//
// Every change goes through the Topics actor. What one batch of its mailbox
// changed is published as one new Table and saved to config/topics.json at once,
// in Apache's format; then those who asked are answered and the Watchers are
// told. Who has an answer thus finds the topic in the View, and after a crash in
// the file.
//
//	send path ── Create, Ensure ─▶ Topics ── View ─▶ every reader
//	operators ── 17, 215, …     ─▶   │
//	                                 └── Changed, Deleted ─▶ registrar, store, offsets
//
// A topic comes to be by an operator's request, by a first message after the
// template topic that the producer names (TBW102), or because the broker needs
// it: retry and dead-letter topics. The broker's own topics are made at start.
package topics
