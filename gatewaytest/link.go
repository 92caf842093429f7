package gatewaytest

import (
	"errors"
	"time"
)

// link is what the network between server and client does to a connection. Its zero value does nothing. Guarded by
// Server.mu.
type link struct {
	still     time.Time // until then nothing passes, either way
	held      time.Time // until then what is to be written waits, to go as one
	slow      time.Time // until then slowBytes a second pass
	slowBytes int
	pieces    int // of what is to be written, the next so many are of piece bytes at most
	piece     int
	tear      bool // the socket ends inside the next write
	deaf      bool // what the client sends is lost
}

var (
	errTorn = errors.New("gatewaytest: torn")
	errGone = errors.New("gatewaytest: the connection has ended")
)

// warpLasts is how long after the network has held things up what arrived in that time stands in a window: that of
// the send limit, the longest there is.
const warpLasts = time.Minute

// warp notes that until a time the network makes a client's pace look like none of its own. Called with s.mu held.
func (c *Conn) warp(until time.Time) {
	if until.After(c.warpEnds) {
		c.warpEnds = until
	}
}

// warped says whether limits cannot be judged by when payloads arrive. Called with s.mu held.
func (c *Conn) warped(now time.Time) bool { return now.Before(c.warpEnds.Add(warpLasts)) }

// steady is from when on heartbeats are judged by when they arrive: the one before has then come on time too. Called
// with s.mu held.
func (c *Conn) steady() time.Time { return c.warpEnds.Add(max(warpLasts, 2*c.interval())) }

// put writes to the socket as the network lets it. It belongs to the writing goroutine.
func (c *Conn) put(buf []byte) error {
	for len(buf) > 0 {
		n, wait, tear := c.passage(len(buf))
		if wait > 0 {
			if !c.pause(wait) {
				return errGone
			}
			continue
		}
		if _, err := c.nc.Write(buf[:n]); err != nil {
			return err
		}
		if tear {
			return errTorn
		}
		buf = buf[n:]
	}
	return nil
}

// passage says how many of n bytes may pass now, or how long to wait first, and whether the socket ends after them.
func (c *Conn) passage(n int) (bytes int, wait time.Duration, tear bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	l, now := &c.link, time.Now()
	const step = 50 * time.Millisecond
	switch {
	case l.still.After(now):
		return 0, l.still.Sub(now), false
	case l.tear:
		return max(n/2, 1), 0, true
	case l.slow.After(now):
		if !c.slept {
			c.slept = true
			return 0, step, false
		}
		c.slept = false
		return min(n, max(l.slowBytes/int(time.Second/step), 1)), 0, false
	case l.pieces > 0:
		l.pieces--
		return min(n, max(l.piece, 1)), 0, false
	}
	return n, 0, false
}

// hears says whether what the client has sent arrives, once it may.
func (c *Conn) hears() bool {
	for {
		c.s.mu.Lock()
		wait, deaf := time.Until(c.link.still), c.link.deaf
		c.s.mu.Unlock()
		if wait <= 0 {
			return !deaf
		}
		if !c.pause(wait) {
			return false
		}
	}
}

// pause waits; false if the connection or the server ends meanwhile.
func (c *Conn) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.gone:
		return false
	case <-c.s.done:
		return false
	}
}
