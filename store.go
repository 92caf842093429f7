package chiru

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

// SessionStore keeps sessions while no process runs, so that the next one resumes them instead of
// spending an identify. Run calls it from one goroutine at a time; a store shared by several Runs must
// take concurrent calls. Each call has a context that ends after 10 s, or with the Run (a last Save has
// 500 ms); a store must heed it, because Run waits. A failing store is logged and stops nothing.
//
// After a crash the events of the last second before it may come again: a session is saved at most
// once a second, and when a connection breaks, and at the end.
type SessionStore interface {
	// Load gives the stored session; a zero Session if there is none.
	Load(ctx context.Context, key SessionKey) (Session, error)
	// Save replaces the stored session. A Session without ID means that there is none any more.
	Save(ctx context.Context, key SessionKey, s Session) error
}

// SessionLease is a SessionStore that knows whether a session may have become another process's. Run asks right before it writes an IDENTIFY or a
// RESUME, and while Held says no it closes the connection instead, and tries again: a process that was frozen, and wakes, takes the session
// from nobody. Held is called on the shard's goroutine: it must not block.
type SessionLease interface {
	SessionStore
	Held(key SessionKey) bool
}

var errNotHeld = errors.New("the session may be another process's by now")

// held says whether a session may begin, or go on, here.
func (c *Config) held() bool {
	lease, ok := c.Store.(SessionLease)
	return !ok || lease.Held(c.sessionKey())
}

// SessionKey says whose session it is.
type SessionKey struct {
	TokenHash  string // a SHA-256 of the token, in hexadecimal
	ShardID    int
	ShardCount int
}

// Session is what a RESUME needs, and what it must agree with: a stored session is used only if
// Host, TokenHash, ShardID, ShardCount, Intents and Capabilities are those of Config.
type Session struct {
	ID        string `json:"id"`
	Sequence  int64  `json:"sequence"` // of the last dispatch handed to inbound
	ResumeURL string `json:"resume_url"`

	Host         string `json:"host"` // of Config.URL
	TokenHash    string `json:"token_hash"`
	ShardID      int    `json:"shard_id"`
	ShardCount   int    `json:"shard_count"`
	Intents      uint64 `json:"intents"`
	Capabilities int    `json:"capabilities"`
}

// SessionKey is that of the session of a Run with this Config.
func (c Config) SessionKey() SessionKey {
	c.Token = strings.TrimPrefix(c.Token, "Bot ")
	c.ShardCount = orDefault(c.ShardCount, 1)
	return c.sessionKey()
}

// Session is one of a Run with this Config, for a store that keeps no more of it than these three. A *ConfigError says that there can
// be no Run with it.
func (c Config) Session(id string, sequence int64, resumeURL string) (Session, error) {
	c, addr, _, err := c.settled()
	if err != nil {
		return Session{}, err
	}
	s := c.sessionFrame(addr)
	s.ID, s.Sequence, s.ResumeURL = id, sequence, resumeURL
	return s, nil
}

// Resumes says whether a Run with this Config would resume s.
func (c Config) Resumes(s Session) bool {
	c, addr, _, err := c.settled()
	return err == nil && c.agrees(addr, s)
}

func (c *Config) agrees(a *address, s Session) bool {
	want := c.sessionFrame(a)
	want.ID, want.Sequence, want.ResumeURL = s.ID, s.Sequence, s.ResumeURL
	return s.ID != "" && s == want
}

// hashToken names a bot without naming its token. The prefix keeps the hash from being of use elsewhere.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte("chiru session " + token))
	return hex.EncodeToString(sum[:])
}
