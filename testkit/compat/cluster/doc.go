// Package cluster starts and stops RocketMQ servers for the compatibility
// suite: real name servers and brokers of Apache RocketMQ, or actormq's, with
// the same configuration files, on free ports of this machine.
//
// A Launcher knows where the jars and the binary are. StartNameServer and
// StartBroker return once the server can be used: its port accepts connections,
// and a broker is in its name server's cluster table. Stop sends a signal and
// waits for the exit; a broker is started again from the same BrokerConfig and
// then has the same port, the same store and the same name, whichever of the
// two programs it is.
//
// Every server is a child of this process, has a folder of its own below
// Launcher.Root with its configuration and console log, and dies with this
// process even if that is killed (on Linux). Only processes started here are
// ever signalled.
package cluster
