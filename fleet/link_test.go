package fleet_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// link is the way of one node to some servers over TCP, which a test can take away: what is on it waits, as where packets are lost, or its
// connections end and there are no new ones.
type link struct {
	t *testing.T

	mu     sync.Mutex
	state  linkState
	turned chan struct{}           // closed at the next change of state
	ways   map[string]*net.TCPAddr // where the link takes connections, by where they lead
	ends   map[net.Conn]struct{}   // of connections
	open   map[net.Listener]struct{}
	busy   sync.WaitGroup
}

type linkState int

const (
	linkOpen linkState = iota
	linkStalled
	linkCut
	linkGone // the test is over
)

func newLink(t *testing.T) *link {
	l := &link{t: t, turned: make(chan struct{}), ways: map[string]*net.TCPAddr{}, ends: map[net.Conn]struct{}{}, open: map[net.Listener]struct{}{}}
	t.Cleanup(func() {
		l.turn(linkGone)
		l.busy.Wait()
	})
	return l
}

// turn changes what the link does from now on. What it has held back goes on when it is open again.
func (l *link) turn(to linkState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = to
	close(l.turned)
	l.turned = make(chan struct{})
	if to == linkCut || to == linkGone {
		for c := range l.ends {
			c.Close()
		}
	}
	if to == linkGone {
		for listener := range l.open {
			listener.Close()
		}
	}
}

// passes waits until the link lets something through. It is false if it never will.
func (l *link) passes() bool {
	for {
		l.mu.Lock()
		state, turned := l.state, l.turned
		l.mu.Unlock()
		switch state {
		case linkOpen:
			return true
		case linkCut, linkGone:
			return false
		}
		<-turned
	}
}

// DialContext connects through the link; Dial is for who has no context.
func (l *link) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	way, err := l.way(address)
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, network, way.String())
}

// Dial implements nats.CustomDialer.
func (l *link) Dial(network, address string) (net.Conn, error) {
	return l.DialContext(l.t.Context(), network, address)
}

func (l *link) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: l.DialContext, DisableKeepAlives: true}}
}

func (l *link) way(to string) (*net.TCPAddr, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if way := l.ways[to]; way != nil {
		return way, nil
	}
	if l.state == linkGone {
		return nil, net.ErrClosed
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l.open[listener] = struct{}{}
	l.ways[to] = listener.Addr().(*net.TCPAddr)
	l.busy.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			l.busy.Go(func() { l.carry(near, to) })
		}
	})
	return l.ways[to], nil
}

// carry has one connection go through. The far end hears of it when the link lets it.
func (l *link) carry(near net.Conn, to string) {
	defer near.Close()
	if !l.add(near) || !l.passes() {
		return
	}
	defer l.remove(near)
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	if !l.add(far) {
		return
	}
	defer l.remove(far)
	back := make(chan struct{})
	go func() {
		defer close(back)
		l.copy(near, far)
	}()
	l.copy(far, near)
	<-back
}

// copy takes what comes to the other end, and its end.
func (l *link) copy(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !l.passes() {
			err = net.ErrClosed
		} else if n > 0 {
			if _, wrote := to.Write(buf[:n]); wrote != nil {
				err = wrote
			}
		}
		if err != nil {
			to.Close()
			from.Close()
			return
		}
	}
}

func (l *link) add(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == linkCut || l.state == linkGone {
		return false
	}
	l.ends[c] = struct{}{}
	return true
}

func (l *link) remove(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ends, c)
}
