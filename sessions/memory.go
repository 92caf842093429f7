package sessions

import (
	"context"
	"sync"

	"github.com/chiru-go/chiru"
)

// Memory keeps sessions for the life of the process. The zero value is ready, any number of Runs may share it.
type Memory struct {
	mu       sync.Mutex
	sessions map[chiru.SessionKey]chiru.Session
}

// Load implements chiru.SessionStore.
func (m *Memory) Load(_ context.Context, key chiru.SessionKey) (chiru.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[key], nil
}

// Save implements chiru.SessionStore.
func (m *Memory) Save(_ context.Context, key chiru.SessionKey, s chiru.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.ID == "" {
		delete(m.sessions, key)
		return nil
	}
	if m.sessions == nil {
		m.sessions = make(map[chiru.SessionKey]chiru.Session)
	}
	m.sessions[key] = s
	return nil
}
