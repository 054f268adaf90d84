// Package actortest tests actors of github.com/asynkron/protoactor-go: on one
// goroutine, on virtual time, in every order that the rules of actors allow.
//
// A World has an actor system whose mailboxes the test runs, one message at a time;
// a seed decides whose turn it is. Probes stand for the actors that the ones under
// test talk to.
//
//	actortest.Seeds(t, 100, func(t *testing.T, w *actortest.World) {
//		account := w.Spawn(actor.PropsFromProducer(newAccount))
//		client := w.Probe("client")
//		client.Send(account, deposit{10})
//		client.Expect(balance{10})
//		w.Advance(time.Hour)             // in no time
//	})
//
// Two messages of one sender to one receiver stay in order; nothing else does. A
// bug that needs a certain interleaving shows under some seed, and under that seed
// always: the failure names it, and SIM_SEED=n in the environment runs it alone,
// with a trace of every delivery.
//
// Actors under test may use everything of the library but real time. Timeouts of
// SetReceiveTimeout are virtual. What else waits for time takes World.AfterFunc or
// World.Now through whatever interface the actor has for it: the library's
// scheduler package runs on the system's clock, and so do the timeouts of
// RequestFuture. An actor, or a test, that blocks on Future.Wait or Result would
// wait for ever, as nobody else runs meanwhile: ask by World.Request, or have the
// answer sent (ReenterAfter).
package actortest
