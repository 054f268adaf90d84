// Package replication holds the cases of a slave that follows a SYNC_MASTER of
// inSyncReplicas=2: what is sent while it is there is answered with SEND_OK and
// is in both logs, byte for byte; what is sent while it is killed is there once it
// has caught up; and the slave's store, opened as a master's, serves all of it, by
// offset, by key and by time, with the groups and offsets of the master.
//
// Who is master and who is slave is said by the environment.
package replication
