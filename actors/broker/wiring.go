package broker

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/admin"
	"github.com/actormq/actormq/actors/cleaner"
	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/delay"
	"github.com/actormq/actormq/actors/dispatch"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/flush"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/actors/indexer"
	"github.com/actormq/actormq/actors/locks"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/pull"
	"github.com/actormq/actormq/actors/registrar"
	"github.com/actormq/actormq/actors/send"
	"github.com/actormq/actormq/actors/sendback"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// The names of the root's children.
const (
	nameCommitLog     = "commitlog"
	nameFlush         = "flush"
	nameDispatch      = "dispatch"
	nameIndexer       = "indexer"
	nameCleaner       = "cleaner"
	nameTopics        = "topics"
	nameSubscriptions = "subscriptions"
	nameOffsets       = "offsets"
	nameGroups        = "groups"
	nameLocks         = "locks"
	nameAdmission     = "admission"
	nameSendBack      = "sendback"
	nameDelay         = "delay"
	namePullHold      = "pullhold"
	nameAdmin         = "admin"
	nameRegistrar     = "registrar"
	nameListener      = "listener"
	nameFastListener  = "fast-listener"
)

// listeners are the broker's two ports: clients may send to either; pulls are
// answered on the first only (RocketMQ: BrokerController.fastRemotingServer).
var listeners = []string{nameListener, nameFastListener}

func namePuller(i int) string { return "puller-" + strconv.Itoa(i) }

// child is an actor under the root.
type child struct {
	name  string
	props *actor.Props
}

// wiring knows every child and who talks to whom.
type wiring struct {
	env    *env.Env
	config config.Broker
	self   *actor.PID
	gone   map[string]bool

	topics  topics.View
	subs    subscriptions.View
	groups  groups.View
	resets  offsets.Resets
	credits *front.Credits
	sender  *send.Sender
	delays  messages.DelayLevels
	host    netip.AddrPort // what clients reach the broker at
	spawn   []child
}

func (w *wiring) pid(name string) *actor.PID { return actor.NewPID(w.self.Address, w.self.Id+"/"+name) }

func (w *wiring) name(pid *actor.PID) string { return path.Base(pid.Id) }

func (w *wiring) children() []child { return w.spawn }
