// Package interop holds the simulator of package gatewaytest against the bot libraries that people use:
// each runs with its normal settings over loopback TCP, through READY, a thousand events, an op 7 and a
// lost connection. Its tests fail for an event a library did not get, for a session it could not keep,
// and for a rule of the referee that it broke or kept against expectation.
//
//	npm ci --prefix node
//	go test -v -count=1 ./...
//
// It is a module of its own, so that nobody who uses Chiru gets these libraries. With -write the test
// writes RESULTS.md.
package interop
