// Command sdkbench measures this project's SDK beside rocketmq-client-go v2.1.2: the
// same broker, the same messages, in turns. `make bench-sdk` calls it.
//
// Each measurement is a process of its own with one client, which first sends or
// consumes for a while, and then counts over a fixed number of messages: time, CPU of
// the process (getrusage), and allocations (runtime.MemStats). Both clients have their
// default options unless a row says otherwise, and 8 queues on one broker of this
// project, which runs for all of them and keeps its store in a temporary folder.
//
// The ratios are those of each pair, whose two measurements follow each other; which
// client comes first alternates. Rows show medians over the pairs, and their range.
package main
