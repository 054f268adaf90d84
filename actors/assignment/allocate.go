package assignment

import "slices"

// Averagely returns the share of a member by a contiguous run of the queues for each;
// the lengths differ by one at most, the longer ones first. The result aliases queues.
// (RocketMQ: AllocateMessageQueueAveragely)
func Averagely[Q any](id string, queues []Q, members []string) []Q {
	i := slices.Index(members, id)
	if i < 0 {
		return nil
	}
	share, longer := len(queues)/len(members), len(queues)%len(members)
	start := i*share + min(i, longer)
	if i < longer {
		share++
	}
	return queues[start : start+share : start+share]
}

// Circle returns the share of a member when the queues are dealt out one at a time
// (RocketMQ: AllocateMessageQueueAveragelyByCircle).
func Circle[Q any](id string, queues []Q, members []string) (mine []Q) {
	i := slices.Index(members, id)
	if i < 0 {
		return nil
	}
	for ; i < len(queues); i += len(members) {
		mine = append(mine, queues[i])
	}
	return mine
}
