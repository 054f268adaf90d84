package broker

import (
	"fmt"
	"path"

	"github.com/asynkron/protoactor-go/actor"
)

// vital are the actors whose panic ends the broker. Their state mirrors files
// that are being written: an incarnation that started anew would hand out
// offsets twice or leave holes, while a restart of the process recovers.
var vital = map[string]bool{
	nameCommitLog: true, nameFlush: true, nameDispatch: true, nameIndexer: true,
}

// childFailed tells the root that a vital child panicked.
type childFailed struct{ err error }

// supervisor restarts a child that panicked. It ends the broker if the child was
// vital, or panicked in its start: what kept it from loading its state would do
// so again, at once and for ever.
type supervisor struct{}

// HandleFailure implements actor.SupervisorStrategy.
func (supervisor) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	name := path.Base(child.Id)
	if !vital[name] && !isStart(message) {
		s.RestartChildren(child)
		return
	}
	s.StopChildren(child)
	root := actor.NewPID(child.Address, path.Dir(child.Id))
	system.Root.Send(root, &childFailed{err: fmt.Errorf("broker: %s panicked on %T: %v", name, message, reason)})
}

// isStart reports whether message is one with which an incarnation begins.
func isStart(message any) bool {
	switch message.(type) {
	case *actor.Started, *actor.Restart:
		return true
	}
	return false
}

// guardian ends a broker whose root panicked: there is nobody to restart it with
// the store that it holds.
var guardian = actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.StopDirective })
