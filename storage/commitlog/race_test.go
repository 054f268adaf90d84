//go:build race

package commitlog_test

const raceEnabled = true
