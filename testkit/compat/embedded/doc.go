// Package embedded shows rocketmq-client-go with the broker that testkit starts
// inside of a test, as the tests of a program do that uses this client.
package embedded
