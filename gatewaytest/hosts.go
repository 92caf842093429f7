package gatewaytest

import "time"

// HostDown makes a host unreachable, or reachable again: "gateway", "resume", "api", or "" for the first
// two. In memory dials are refused; on TCP the connection is reset once accepted. Open connections stay.
func (s *Server) HostDown(host string, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hostsNamed(host) {
		s.takeOver(h, false)
		s.setHost(s.down, h, down)
	}
}

// takeOver makes the chaos forget a trouble of a host: the test decides on it now. Called with s.mu held.
func (s *Server) takeOver(host string, mute bool) {
	if f := s.fell[host]; f != nil && f.mute == mute {
		delete(s.fell, host)
	}
}

// setHost puts a host into a kind of trouble, or out of it. Called with s.mu held.
func (s *Server) setHost(kind map[string]bool, host string, troubled bool) {
	if host == hostResume && (kind[host] || troubled) {
		s.trouble(time.Now())
	}
	kind[host] = troubled
	if s.memory != nil {
		s.memory.hosts[memoryHosts[host]].down.Store(s.down[host])
	}
}

// HostMute makes a host accept connections and answer nothing on them, not even the upgrade.
func (s *Server) HostMute(host string, mute bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hostsNamed(host) {
		s.takeOver(h, true)
		s.setHost(s.mute, h, mute)
	}
}

var memoryHosts = map[string]string{
	hostGateway: "gateway.discord.test",
	hostResume:  "resume.discord.test",
	hostAPI:     "discord.test",
}

func hostsNamed(host string) []string {
	if host == "" {
		return []string{hostGateway, hostResume}
	}
	if _, ok := memoryHosts[host]; !ok {
		panic("gatewaytest: no host is called " + host)
	}
	return []string{host}
}

func (s *Server) unreachable(host string) (mute, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mute[host], s.down[host]
}

func (s *Server) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// pause waits; false if the server has ended meanwhile.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		return false
	}
}
