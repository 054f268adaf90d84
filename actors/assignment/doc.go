// Package assignment says how groups consume, by pulls or by pops, and which queues
// are whose, for clients that leave the division of queues to the broker (RocketMQ:
// QueryAssignmentProcessor, MessageRequestModeManager).
//
//	Connection ── QUERY_ASSIGNMENT ─▶ Assignment ── Ask ─▶ Registrar ─▶ a name server
//
// The queues that are divided are those of all brokers that have the topic, so a name
// server is asked for them; what it says holds for half a minute. A broker without
// name servers divides its own. The modes are in config/messageRequestMode.json; a
// slave has those of its master.
package assignment
