package actormq

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/actormq/actormq/actors/assignment"
)

// Strategy divides a topic's queues among the members of a group. Every member
// computes its own share from the same sorted lists, so all members must use the
// same strategy; those here compute what Java's of the same name do.
type Strategy interface {
	// Name is what the strategy is called in RocketMQ.
	Name() string
	// Allocate returns the share of member id, whom members contains. It must not
	// change or keep its arguments. On an error the member's share stays as it is.
	Allocate(group, id string, queues []Queue, members []string) ([]Queue, error)
}

// Averagely gives each member a contiguous run of queues; the lengths differ by
// one at most, the longer ones first. It is the default
// (RocketMQ: AllocateMessageQueueAveragely).
type Averagely struct{}

// Name implements Strategy.
func (Averagely) Name() string { return "AVG" }

// Allocate implements Strategy.
func (Averagely) Allocate(_, id string, queues []Queue, members []string) ([]Queue, error) {
	return assignment.Averagely(id, queues, members), nil
}

// Circle deals the queues out one at a time, so that each member has queues of
// all brokers (RocketMQ: AllocateMessageQueueAveragelyByCircle).
type Circle struct{}

// Name implements Strategy.
func (Circle) Name() string { return "AVG_BY_CIRCLE" }

// Allocate implements Strategy.
func (Circle) Allocate(_, id string, queues []Queue, members []string) ([]Queue, error) {
	return assignment.Circle(id, queues, members), nil
}

// ConsistentHash has few queues change hands when a member comes or goes, at the
// price of shares that differ (RocketMQ: AllocateMessageQueueConsistentHash).
type ConsistentHash struct {
	// Nodes is the number of points of each member on the ring; 0 means 10.
	Nodes int
}

// Name implements Strategy.
func (ConsistentHash) Name() string { return "CONSISTENT_HASH" }

// Allocate implements Strategy.
func (s ConsistentHash) Allocate(_, id string, queues []Queue, members []string) (mine []Queue, _ error) {
	if s.Nodes < 0 {
		return nil, fmt.Errorf("actormq: ConsistentHash.Nodes is %d", s.Nodes)
	}
	if s.Nodes == 0 {
		s.Nodes = 10
	}
	ring := make(map[uint32]string, len(members)*s.Nodes)
	for _, member := range members {
		for i := range s.Nodes {
			ring[ringHash(fmt.Sprintf("%s-%d", member, i))] = member
		}
	}
	points := slices.Sorted(maps.Keys(ring))
	if len(points) == 0 {
		return nil, nil
	}
	for _, q := range queues {
		key := fmt.Sprintf("MessageQueue [topic=%s, brokerName=%s, queueId=%d]", q.Topic, q.Broker, q.ID)
		at, _ := slices.BinarySearch(points, ringHash(key))
		if ring[points[at%len(points)]] == id {
			mine = append(mine, q)
		}
	}
	return mine, nil
}

// ringHash is the place of a key on the ring: the first four bytes of its MD5
// (RocketMQ: ConsistentHashRouter.MD5Hash).
func ringHash(key string) uint32 {
	sum := md5.Sum([]byte(key))
	return binary.BigEndian.Uint32(sum[:])
}

// MachineRoom gives out only the queues of brokers in some machine rooms, whose
// names are "room@name" (RocketMQ: AllocateMessageQueueByMachineRoom).
type MachineRoom struct{ Rooms []string }

// Name implements Strategy.
func (MachineRoom) Name() string { return "MACHINE_ROOM" }

// Allocate implements Strategy.
func (s MachineRoom) Allocate(_, id string, queues []Queue, members []string) ([]Queue, error) {
	i := slices.Index(members, id)
	if i < 0 {
		return nil, nil
	}
	var near []Queue
	for _, q := range queues {
		// Java's split forgets empty strings at the end.
		parts := strings.Split(strings.TrimRight(q.Broker, "@"), "@")
		if len(parts) == 2 && slices.Contains(s.Rooms, parts[0]) {
			near = append(near, q)
		}
	}
	share, rest := len(near)/len(members), len(near)%len(members)
	mine := slices.Clone(near[i*share : (i+1)*share])
	if i < rest {
		mine = append(mine, near[share*len(members)+i])
	}
	return mine, nil
}

// MachineRoomNearby divides the queues of each machine room among the members
// there, and those of rooms without a member among all
// (RocketMQ: AllocateMachineRoomNearby).
type MachineRoomNearby struct {
	Strategy   Strategy // that divides; nil means Averagely
	BrokerRoom func(Queue) string
	MemberRoom func(id string) string
}

// Name implements Strategy.
func (s MachineRoomNearby) Name() string { return "MACHINE_ROOM_NEARBY-" + s.strategy().Name() }

func (s MachineRoomNearby) strategy() Strategy {
	if s.Strategy == nil {
		return Averagely{}
	}
	return s.Strategy
}

// Allocate implements Strategy. It fails if the room of a queue or of a member is
// not known.
func (s MachineRoomNearby) Allocate(group, id string, queues []Queue, members []string) ([]Queue, error) {
	if s.BrokerRoom == nil || s.MemberRoom == nil {
		return nil, errors.New("actormq: MachineRoomNearby without BrokerRoom or MemberRoom")
	}
	if !slices.Contains(members, id) {
		return nil, nil
	}
	near, present := make(map[string][]Queue), make(map[string][]string)
	for _, q := range queues {
		room := s.BrokerRoom(q)
		if room == "" {
			return nil, fmt.Errorf("actormq: the machine room of %s is not known", q)
		}
		near[room] = append(near[room], q)
	}
	for _, member := range members {
		room := s.MemberRoom(member)
		if room == "" {
			return nil, fmt.Errorf("actormq: the machine room of member %s is not known", member)
		}
		present[room] = append(present[room], member)
	}
	own := s.MemberRoom(id)
	var mine []Queue
	for _, room := range append([]string{own}, slices.Sorted(maps.Keys(near))...) {
		among := present[room]
		switch {
		case near[room] == nil:
			continue
		case len(among) == 0:
			among = members
		case room != own:
			continue
		}
		share, err := s.strategy().Allocate(group, id, near[room], among)
		if err != nil {
			return nil, err
		}
		mine = append(mine, share...)
		delete(near, room)
	}
	return mine, nil
}

// ByConfig gives this member the queues that are listed, whoever else has them
// (RocketMQ: AllocateMessageQueueByConfig). Queues of other topics than the one
// divided do not count.
type ByConfig struct{ Queues []Queue }

// Name implements Strategy.
func (ByConfig) Name() string { return "CONFIG" }

// Allocate implements Strategy.
func (s ByConfig) Allocate(_, _ string, queues []Queue, _ []string) (mine []Queue, _ error) {
	for _, q := range s.Queues {
		if slices.ContainsFunc(queues, func(o Queue) bool { return o.Topic == q.Topic }) {
			mine = append(mine, q)
		}
	}
	return mine, nil
}
