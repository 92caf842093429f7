package gatewaytest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// network is a net of named hosts in memory. Nothing in it touches a socket, so it belongs in a
// testing/synctest bubble, which waits for memory but not for the kernel.
type network struct {
	hosts map[string]*memoryListener // by host name; fixed once built
	bufs  sync.Pool
	// missed hears of a dial to a host that is down.
	missed func(host string)
}

func newNetwork() *network {
	return &network{
		hosts: map[string]*memoryListener{},
		bufs:  sync.Pool{New: func() any { return new([pipeBuffer]byte) }},
	}
}

// listen adds a host. It must not run beside dial.
func (n *network) listen(host string) *memoryListener {
	l := &memoryListener{host: host, arrivals: make(chan net.Conn), closed: make(chan struct{})}
	n.hosts[host] = l
	return l
}

// dial connects to host:port; the port does not matter.
func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	l := n.hosts[host]
	if l == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if l.down.Load() {
		n.missed(host)
		return nil, l.refused()
	}
	client, server := newPipe(&n.bufs, memoryAddr("client"), memoryAddr(addr))
	select {
	case l.arrivals <- server:
		return client, nil
	case <-l.closed:
		return nil, l.refused()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

type memoryListener struct {
	host     string
	arrivals chan net.Conn
	down     atomic.Bool
	once     sync.Once
	closed   chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrivals:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr(l.host) }

func (l *memoryListener) refused() error {
	return &net.OpError{Op: "dial", Net: "memory", Addr: l.Addr(), Err: fmt.Errorf("connect: %w", syscall.ECONNREFUSED)}
}

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

// reset drops a connection of any kind without a word to the other end.
func reset(c net.Conn) {
	switch c := c.(type) {
	case *pipeConn:
		c.reset()
	case *tls.Conn:
		reset(c.NetConn())
	case *net.TCPConn:
		c.SetLinger(0)
		c.Close()
	default:
		c.Close()
	}
}
