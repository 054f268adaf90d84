// Package remoting is RocketMQ's wire protocol: frames with a JSON or binary
// header (RocketMQ: RemotingCommand, RocketMQSerializable, NettyDecoder).
//
//	offset  bytes  meaning, big-endian
//	0       4      length of what follows: 4 + header + body
//	4       1      header encoding: 0 JSON, 1 binary
//	5       3      header length
//	8       h      header
//	8+h     rest   body
//
// The binary header:
//
//	code 2 | language 1 | version 2 | opaque 4 | flag 4 |
//	remark length 4, remark | ext length 4, { key length 2, key, value length 4, value }
//
// Decoding works in the read buffer and allocates nothing: ext fields and body
// alias it, and JSON escapes are undone in place. A Framer cuts a connection's
// bytes into Bursts, whose memory is counted and reused.
package remoting
