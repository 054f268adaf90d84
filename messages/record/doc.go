// Package record encodes and decodes the messages of the CommitLog, which are
// also what pulls answer with (RocketMQ: MessageExtEncoder, MessageDecoder,
// CommitLog.checkMessageAndReturnSize). Numbers are big-endian and signed.
// B and S are 8 bytes for an IPv4 host, 20 for IPv6.
//
//	field                 at        bytes
//	totalSize             0         4      the whole record
//	magic                 4         4      0xDAA320A7 (v1) or 0xDAA320AB (v2)
//	bodyCRC               8         4      CRC-32 (IEEE) of the body & 0x7FFFFFFF, 0 without a body
//	queueId               12        4
//	flag                  16        4      the user's
//	queueOffset           20        8      assigned by the log
//	physOffset            28        8      assigned by the log; equals the record's place
//	sysFlag               36        4      bits 4 and 5 decide on B and S
//	bornTimestamp         40        8      ms, the producer's clock
//	bornHost              48        B      address 4 or 16, port 4
//	storeTimestamp        48+B      8      ms, assigned by the log
//	storeHost             56+B      S
//	reconsumeTimes        56+B+S    4
//	preparedOffset        60+B+S    8
//	bodyLength            68+B+S    4
//	body                  72+B+S    n
//	topicLength                     1 (v1) or 2 (v2)
//	topic                           t
//	propertiesLength                2
//	properties                      p      name 0x01 value 0x02, repeated
//
// Total: 75 + B + S + n + t + p, one more for v2. A record never spans two
// files: the rest of a file is a blank, its size (4) and the magic 0xCBD43194 (4).
package record
