package chiru

import (
	"fmt"
	"strconv"
	"time"
)

// String gives the type, the sequence if there is one, and the whole body.
func (d *Dispatch) String() string {
	text := d.Type
	if d.Sequence != NoSequence {
		text += " " + strconv.FormatInt(d.Sequence, 10)
	}
	return text + " " + string(d.Body)
}

func (e *Hello) String() string {
	return fmt.Sprintf("hello, a heartbeat every %v", e.HeartbeatInterval)
}

func (e *HeartbeatSent) String() string {
	if e.Sequence == NoSequence {
		return fmt.Sprintf("heartbeat %d sent with null", e.Count)
	}
	return fmt.Sprintf("heartbeat %d sent with %d", e.Count, e.Sequence)
}

func (e *HeartbeatAck) String() string {
	return fmt.Sprintf("heartbeat %d acknowledged after %v", e.Count, e.Latency.Round(time.Microsecond))
}

func (e *ReconnectRequested) String() string { return "reconnect requested" }

func (e *InvalidateSession) String() string {
	if e.Resumable {
		return "session invalid, perhaps resumable"
	}
	return "session invalid"
}

func (e *Connected) String() string {
	if e.Resumed {
		return "connected, session " + e.SessionID + " resumed"
	}
	return "connected, session " + e.SessionID
}

func (e *Disconnected) String() string {
	return fmt.Sprintf("disconnected: %v; %s in %v (attempt %d)", e.Err, e.Next, e.Wait.Round(time.Millisecond), e.Attempt)
}

func (e *CommandRejected) String() string { return fmt.Sprintf("command rejected: %v", e.Err) }
