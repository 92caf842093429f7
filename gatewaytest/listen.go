package gatewaytest

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// NewServer serves on TCP, at Config.Listen and for resumes on a second port. Close ends it.
func NewServer(cfg Config) (*Server, error) {
	s, err := newServer(cfg)
	if err != nil {
		return nil, err
	}
	gateway, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("gatewaytest: listen for the gateway: %w", err)
	}
	ip, _, err := net.SplitHostPort(s.cfg.Listen)
	if err != nil {
		gateway.Close()
		return nil, fmt.Errorf("gatewaytest: Config.Listen: %w", err)
	}
	resume, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		gateway.Close()
		return nil, fmt.Errorf("gatewaytest: listen for resumes: %w", err)
	}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: httpTimeout}).DialContext, DisableKeepAlives: true}
	var server *tls.Config
	ws, web := "ws://", "http://"
	if s.cfg.TLS {
		ws, web = "wss://", "https://"
		if server, transport.TLSClientConfig, err = newCertificate(ip); err != nil {
			gateway.Close()
			resume.Close()
			return nil, fmt.Errorf("gatewaytest: make a certificate: %w", err)
		}
	}
	s.url, s.resumeURL = ws+dialable(gateway.Addr()), ws+dialable(resume.Addr())
	s.api = web + dialable(gateway.Addr()) + apiPath
	if bound := gateway.Addr().(*net.TCPAddr).IP; s.cfg.Control && (bound.IsLoopback() || bound.IsUnspecified()) {
		s.controlURL = web + dialable(gateway.Addr()) + strings.TrimSuffix(controlPath, "/")
	}
	s.client = &http.Client{Transport: transport}
	s.routines.Go(s.keepTime)
	s.accept(gateway, hostGateway, server)
	s.accept(resume, hostResume, server)
	return s, nil
}

// dialable is an address a client on this machine can dial, whatever the listener is bound to.
func dialable(a net.Addr) string {
	addr := a.(*net.TCPAddr)
	ip := addr.IP.String()
	if addr.IP.IsUnspecified() {
		ip = "127.0.0.1"
	}
	return net.JoinHostPort(ip, fmt.Sprint(addr.Port))
}

// accept serves what comes in on a listener until Close.
func (s *Server) accept(l net.Listener, host string, secure *tls.Config) {
	s.listeners = append(s.listeners, l)
	s.routines.Go(func() {
		var failed int
		for {
			nc, err := l.Accept()
			if err != nil {
				if s.ended() {
					return
				}
				// Out of descriptors, most likely: the next one may work once a connection has gone.
				failed++
				if !s.pause(min(time.Duration(failed)*10*time.Millisecond, time.Second)) {
					return
				}
				continue
			}
			failed = 0
			// The control API stays there when the gateway on the same port is down.
			_, down := s.unreachable(host)
			if down && !(host == hostGateway && s.cfg.Control) || !s.hold(nc) {
				reset(nc)
				continue
			}
			s.routines.Go(func() {
				defer s.release(nc)
				if secure != nil {
					s.handle(tls.Server(nc, secure), host)
				} else {
					s.handle(nc, host)
				}
			})
		}
	})
}

// hold adds a socket to those Close ends; false if the server has ended.
func (s *Server) hold(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.sockets[nc] = struct{}{}
	return true
}

func (s *Server) release(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, nc)
}
