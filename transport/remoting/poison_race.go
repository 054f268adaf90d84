//go:build race

package remoting

const poisoned = true
