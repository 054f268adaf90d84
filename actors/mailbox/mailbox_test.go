package mailbox_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/mailbox"
)

// steps is a dispatcher whose runs the test takes one at a time.
type steps struct {
	runs       []func()
	throughput int
}

func (s *steps) Schedule(fn func()) { s.runs = append(s.runs, fn) }
func (s *steps) Throughput() int    { return s.throughput }

func (s *steps) step() bool {
	if len(s.runs) == 0 {
		return false
	}
	run := s.runs[0]
	s.runs = s.runs[1:]
	run()
	return true
}

func (s *steps) all() (runs int) {
	for s.step() {
		runs++
	}
	return runs
}

// script is an invoker that writes down what it is given. A message "panic …"
// panics and suspends the mailbox, as an actor's failure does.
type script struct {
	box  actor.Mailbox
	seen []string
	on   map[string]func()
}

func (s *script) InvokeUserMessage(m any) { s.invoke(m) }

func (s *script) InvokeSystemMessage(m any) { s.invoke(fmt.Sprintf("system %v", m)) }

func (s *script) invoke(m any) {
	text := fmt.Sprint(m)
	if _, ok := m.(mailbox.Drained); ok {
		text = "drained"
	}
	s.seen = append(s.seen, text)
	if f := s.on[text]; f != nil {
		f()
	}
	if strings.HasPrefix(text, "panic") {
		panic("reason of " + text)
	}
}

func (s *script) EscalateFailure(reason, message any) {
	text := fmt.Sprint(message)
	if _, ok := message.(mailbox.Drained); ok {
		text = "drained"
	}
	s.seen = append(s.seen, fmt.Sprintf("failed %s: %v", text, reason))
	s.box.PostSystemMessage(&actor.SuspendMailbox{})
}

func (s *script) take() string {
	seen := strings.Join(s.seen, ", ")
	s.seen = nil
	return seen
}

func newScript(producer actor.MailboxProducer, throughput int) (actor.Mailbox, *script, *steps) {
	d := &steps{throughput: throughput}
	box := producer()
	s := &script{box: box, on: map[string]func(){}}
	box.RegisterHandlers(s, d)
	box.Start()
	return box, s, d
}

func post(box actor.Mailbox, messages ...string) {
	for _, m := range messages {
		box.PostUserMessage(m)
	}
}

func TestBatchEndsWithDrained(t *testing.T) {
	box, seen, d := newScript(mailbox.NewBatch, 100)
	require.Empty(t, d.runs, "an empty mailbox schedules nothing")

	post(box, "a", "b", "c")
	require.Len(t, d.runs, 1, "one run for all that waits")
	require.Equal(t, 3, box.UserMessageCount())
	d.all()
	require.Equal(t, "a, b, c, drained", seen.take())
	require.Zero(t, box.UserMessageCount())

	post(box, "d")
	d.all()
	require.Equal(t, "d, drained", seen.take())
}

func TestPlainMailboxHasNoDrained(t *testing.T) {
	for _, throughput := range []int{1, 100} {
		box, seen, d := newScript(mailbox.New, throughput)
		post(box, "a", "b")
		box.PostSystemMessage("s")
		d.all()
		require.Equal(t, "system s, a, b", seen.take())
	}
}

func TestMessagesOfTheBatchUnderWayMakeTheNextOne(t *testing.T) {
	for _, throughput := range []int{1, 2, 3, 100} {
		box, seen, d := newScript(mailbox.NewBatch, throughput)
		seen.on["a"] = func() { post(box, "c", "d") }
		seen.on["drained"] = func() {
			seen.on["drained"] = nil
			post(box, "e")
		}
		post(box, "a", "b")
		d.all()
		require.Equal(t, "a, b, drained, c, d, e, drained", seen.take(), "throughput %d", throughput)
	}
}

func TestSystemMessagesGoFirst(t *testing.T) {
	box, seen, d := newScript(mailbox.NewBatch, 100)
	seen.on["b"] = func() { box.PostSystemMessage("y") }
	post(box, "a", "b", "c")
	box.PostSystemMessage("x")
	d.all()
	require.Equal(t, "system x, a, b, system y, c, drained", seen.take(),
		"also between two messages of one batch")

	box.PostSystemMessage("z")
	d.all()
	require.Equal(t, "system z", seen.take(), "no Drained without a user message")
}

func TestThroughputLetsOtherRunsPass(t *testing.T) {
	box, seen, d := newScript(mailbox.NewBatch, 2)
	post(box, "a", "b", "c", "d", "e")
	require.True(t, d.step())
	require.Equal(t, "a, b", seen.take())
	require.Len(t, d.runs, 1, "it went back to the end of the queue")
	post(box, "f")
	require.Len(t, d.runs, 1, "and is queued once")
	require.True(t, d.step())
	require.Equal(t, "c, d", seen.take())
	require.True(t, d.step())
	require.Equal(t, "e, drained, f, drained", seen.take(), "Drained is not counted")
	require.Empty(t, d.runs)
}

func TestPanicKeepsTheRestOfTheBatch(t *testing.T) {
	for _, throughput := range []int{1, 100} {
		box, seen, d := newScript(mailbox.NewBatch, throughput)
		post(box, "a", "panic b", "c", "d")
		d.all()
		require.Equal(t, "a, panic b, failed panic b: reason of panic b", seen.take(), "suspended before c")

		post(box, "e")
		box.PostSystemMessage("s")
		d.all()
		require.Equal(t, "system s", seen.take(), "system messages are handled while it is suspended")

		box.PostSystemMessage(&actor.ResumeMailbox{})
		d.all()
		require.Equal(t, "c, d, drained, e, drained", seen.take())
	}
}

func TestPanicOfTheLastMessageStillDrains(t *testing.T) {
	box, seen, d := newScript(mailbox.NewBatch, 100)
	post(box, "a", "panic b")
	d.all()
	seen.take()
	box.PostSystemMessage(&actor.ResumeMailbox{})
	d.all()
	require.Equal(t, "drained", seen.take(), "what a collected is still committed")
}

func TestPanicInDrainedIsNotRepeated(t *testing.T) {
	box, seen, d := newScript(mailbox.NewBatch, 100)
	seen.on["drained"] = func() { panic("disk") }
	post(box, "a")
	d.all()
	require.Equal(t, "a, drained, failed drained: disk", seen.take())
	box.PostSystemMessage(&actor.ResumeMailbox{})
	d.all()
	require.Empty(t, seen.take())
	post(box, "b")
	seen.on["drained"] = nil
	d.all()
	require.Equal(t, "b, drained", seen.take())
}

func TestPanicOfASystemMessage(t *testing.T) {
	box, seen, d := newScript(mailbox.NewBatch, 100)
	seen.on["system s"] = func() { panic("stopping") }
	post(box, "a")
	box.PostSystemMessage("s")
	box.PostSystemMessage("t")
	d.all()
	require.Equal(t, "system s, failed s: stopping, system t", seen.take())
	box.PostSystemMessage(&actor.ResumeMailbox{})
	d.all()
	require.Equal(t, "a, drained", seen.take())
}

func TestPostsFromManyGoroutinesAreAllDeliveredOnceInOrder(t *testing.T) {
	const senders, each = 8, 5000
	pool := mailbox.NewPool()
	defer pool.Close()
	box := mailbox.NewBatch()
	c := &counter{next: make([]int, senders), done: make(chan struct{}), want: senders * each}
	box.RegisterHandlers(c, pool)

	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range each {
				box.PostUserMessage([2]int{s, i})
			}
		})
	}
	sending.Wait()
	<-c.done
	require.Empty(t, c.wrong)
	require.Greater(t, c.batches, 0)
}

// counter checks that each sender's messages come in order, and that no two
// deliveries overlap (the race detector's business).
type counter struct {
	next       []int
	seen, want int
	batches    int
	wrong      string
	done       chan struct{}
}

func (c *counter) InvokeUserMessage(m any) {
	if _, ok := m.(mailbox.Drained); ok {
		c.batches++
		if c.seen == c.want {
			close(c.done)
		}
		return
	}
	from := m.([2]int)
	if c.next[from[0]] != from[1] && c.wrong == "" {
		c.wrong = fmt.Sprintf("sender %d: %d came in place of %d", from[0], from[1], c.next[from[0]])
	}
	c.next[from[0]]++
	c.seen++
}

func (c *counter) InvokeSystemMessage(any)  {}
func (c *counter) EscalateFailure(any, any) {}

func TestAFloodGivesItsMemoryBack(t *testing.T) {
	box, _, d := newScript(mailbox.NewBatch, 1<<20)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	quiet := &counter{next: make([]int, 1), want: -1}
	box.RegisterHandlers(quiet, d)
	before := heap()
	for round := range 2 { // both of the slices that it swaps
		for i := range 200_000 {
			box.PostUserMessage([2]int{0, round*200_000 + i})
		}
		d.all()
	}
	post := func(i int) { box.PostUserMessage([2]int{0, i}); d.all() }
	post(400_000)
	post(400_001)
	require.Less(t, heap(), before+1<<20, "the emptied mailbox keeps less than 1 MiB")
	require.Empty(t, quiet.wrong)
	runtime.KeepAlive(box)
}
