package fleet

import "errors"

// Why a node leaves a shard.
var (
	errLost      = errors.New("another node has the lease")
	errUnrenewed = errors.New("the lease could not be renewed in time")
	errShed      = errors.New("the shard goes to a node that has fewer")
	errDrain     = errors.New("the node stops")
)

var (
	errFolderTaken = errors.New("the folder is in use")
)

// SetupError is a NATS server that this fleet cannot use: asking again does not help.
type SetupError struct {
	What   string // e.g. "stream CHIRU_bot"
	Reason string
	Hint   string // what to do about it, or empty
}

func (e *SetupError) Error() string { return "fleet: " + e.What + ": " + e.Reason }
