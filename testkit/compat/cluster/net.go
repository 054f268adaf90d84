package cluster

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort returns a port p such that p+low … p+high are all free. They are
// taken from below the range that outgoing connections use, so that a broker
// finds its port free when it starts again.
func freePort(low, high int) (int, error) {
	for range 200 {
		port := 12000 + rand.IntN(18000)
		if allFree(port+low, port+high) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row found", high-low+1)
}

func allFree(from, to int) bool {
	for port := from; port <= to; port++ {
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

func accepts(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// getBrokerClusterInfo is RequestCode.GET_BROKER_CLUSTER_INFO.
const getBrokerClusterInfo = 106

// clusterTable asks a name server for its brokers and returns the answer's body.
// It speaks just enough of the protocol to know that a server is up; every case
// uses a real client instead.
//
// A frame is: length of the rest (4 bytes), header length (4, the top byte being
// the codec, 0 for JSON), header, body. (RocketMQ: RemotingCommand)
func clusterTable(addr string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		return "", err
	}
	header := fmt.Appendf(nil, `{"code":%d,"language":"GO","version":0,"opaque":1,"flag":0}`, getBrokerClusterInfo)
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(header)))
	if _, err := conn.Write(append(frame, header...)); err != nil {
		return "", err
	}
	return readBody(conn)
}

func readBody(conn io.Reader) (string, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(conn, lengths[:]); err != nil {
		return "", err
	}
	total, header := binary.BigEndian.Uint32(lengths[:]), binary.BigEndian.Uint32(lengths[4:])&0xffffff
	if total > 1<<20 || header+4 > total {
		return "", fmt.Errorf("frame of %d bytes with a header of %d", total, header)
	}
	rest := make([]byte, total-4)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return "", err
	}
	var answer struct{ Code int }
	if err := json.Unmarshal(rest[:header], &answer); err != nil {
		return "", err
	}
	if answer.Code != 0 {
		return "", fmt.Errorf("answer code %d", answer.Code)
	}
	return string(rest[header:]), nil
}
