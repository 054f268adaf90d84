// Package mqadmin holds the cases of Apache's command line tool: an operator's
// commands, each a process of its own as bin/mqadmin starts it, and what they
// print.
package mqadmin
