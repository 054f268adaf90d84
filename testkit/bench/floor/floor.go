// Package floor is the least that a server of sends can do in Go: it cuts what a
// read brought into frames, finds each request's opaque, writes the burst to a
// file with one call, and answers. There are no actors, checks, offsets, queues,
// indexes, consumers or recovery, and nothing that one connection does waits for
// another. A broker cannot be faster; how close it comes is what it is worth.
//
// It answers sends of whatever kind, as bench makes them, with a response as long
// as a broker's. It knows no other request.
package floor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// Server is a floor. Use Listen.
type Server struct {
	listener net.Listener
	file     *os.File
	end      atomic.Int64 // of the file
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// Listen starts a server on addr that writes to file, unless file is nil. The file
// stays the caller's.
func Listen(addr string, file *os.File) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	s := &Server{listener: l, file: file, conns: make(map[net.Conn]struct{})}
	s.running.Go(s.accept)
	return s, nil
}

// Addr is the address that it listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends all connections and waits for their goroutines.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.running.Go(func() {
			_ = s.serve(c) // the client went, or Close was called
			c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// readSize is what one read takes, and maxFrame the largest frame, in bytes.
const (
	readSize = 256 << 10
	maxFrame = 16 << 20
)

var errFrame = errors.New("floor: not a request")

func (s *Server) serve(c net.Conn) error {
	buf, out, answer := make([]byte, readSize), []byte(nil), newAnswer()
	for have := 0; ; {
		if have == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		n, err := c.Read(buf[have:])
		if err != nil {
			return err
		}
		have += n
		whole := 0
		if whole, out, err = answer.all(out[:0], buf[:have]); err != nil {
			return err
		}
		if whole == 0 {
			continue
		}
		if s.file != nil {
			if _, err := s.file.WriteAt(buf[:whole], s.end.Add(int64(whole))-int64(whole)); err != nil {
				return err
			}
		}
		if _, err := c.Write(out); err != nil {
			return err
		}
		have = copy(buf, buf[whole:have])
	}
}

// answer is an encoded response in either encoding, and where its opaque goes.
type answer struct {
	json, binary []byte
	opaque       int // in json
}

const opaqueDigits = 7

var opaqueField = []byte(`"opaque":`)

func newAnswer() *answer {
	c := &messages.Command{Version: messages.ProtocolVersion, Opaque: 1_000_000, Flag: messages.FlagResponse}
	for _, f := range [][2]string{
		{"msgId", "7F0000010000277700000000000F4240"}, {"queueId", "0"}, {"queueOffset", "1000000"},
		{"transactionId", "7F00000100002777000000000000000F"}, {messages.PropertyMsgRegion, "DefaultRegion"}, {messages.PropertyTraceSwitch, "true"},
	} {
		c.Ext.Set(f[0], f[1])
	}
	a := &answer{json: remoting.AppendFrame(nil, c)}
	a.opaque = bytes.Index(a.json, opaqueField) + len(opaqueField)
	c.Encoding = messages.BinaryHeader
	a.binary = remoting.AppendFrame(nil, c)
	return a
}

// The places of flag and opaque in a frame with a binary header: behind length,
// header length, code, language and version.
const (
	binaryOpaque = 4 + 4 + 2 + 1 + 2
	binaryFlag   = binaryOpaque + 4
)

// all appends the responses to the whole frames that b begins with, and returns
// their length.
func (a *answer) all(out, b []byte) (whole int, _ []byte, err error) {
	for len(b)-whole >= 8 {
		frame := b[whole:]
		size := 4 + int(binary.BigEndian.Uint32(frame))
		header := int(binary.BigEndian.Uint32(frame[4:]) & 0xFFFFFF)
		if size > maxFrame || header+8 > size {
			return 0, out, errFrame
		}
		if len(frame) < size {
			break
		}
		if out, err = a.one(out, frame[:8+header]); err != nil {
			return 0, out, err
		}
		whole += size
	}
	return whole, out, nil
}

// one appends the response to the request whose frame begins with head.
func (a *answer) one(out, head []byte) ([]byte, error) {
	if messages.HeaderEncoding(head[4]) == messages.BinaryHeader {
		if len(head) < binaryFlag+4 {
			return out, errFrame
		}
		if binary.BigEndian.Uint32(head[binaryFlag:])&uint32(messages.FlagOneway) != 0 {
			return out, nil
		}
		at := len(out)
		out = append(out, a.binary...)
		copy(out[at+binaryOpaque:], head[binaryOpaque:binaryOpaque+4])
		return out, nil
	}
	if bytes.Contains(head, onewayFlag) {
		return out, nil
	}
	at := bytes.Index(head, opaqueField)
	if at < 0 || len(head) < at+len(opaqueField)+opaqueDigits {
		return out, errFrame
	}
	to := len(out)
	out = append(out, a.json...)
	copy(out[to+a.opaque:], head[at+len(opaqueField):][:opaqueDigits])
	return out, nil
}

var onewayFlag = []byte(`"flag":` + strconv.Itoa(int(messages.FlagOneway)))
