package gatewaytest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// controlViolations lists the broken rules.
func (s *Server) controlViolations(req *http.Request) (any, error) {
	if _, err := readQuery(req, ""); err != nil {
		return nil, err
	}
	type violation struct {
		At         time.Time `json:"at"`
		Shard      int       `json:"shard"`
		Connection int       `json:"connection"`
		Rule       string    `json:"rule"`
		Detail     string    `json:"detail"`
	}
	list := []violation{}
	for _, v := range s.Violations() {
		list = append(list, violation{v.At, v.Shard, v.Conn, v.Rule, v.Detail})
	}
	return map[string]any{"violations": list}, nil
}

// controlSessions lists the sessions that are live or can be resumed.
func (s *Server) controlSessions(req *http.Request) (any, error) {
	if _, err := readQuery(req, ""); err != nil {
		return nil, err
	}
	type session struct {
		ID      string `json:"id"`
		Shard   int    `json:"shard"`
		Count   int    `json:"count"`
		Seq     int64  `json:"seq"`
		Live    bool   `json:"live"`
		Intents uint64 `json:"intents"`
	}
	list := []session{}
	for _, i := range s.Sessions() {
		list = append(list, session(i))
	}
	return map[string]any{"sessions": list}, nil
}

// controlLedger lists what a session was issued.
func (s *Server) controlLedger(req *http.Request) (any, error) {
	id, err := readQuery(req, "session")
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, badRequest("query: session is needed")
	}
	type issued struct {
		Seq  int64  `json:"seq"`
		Type string `json:"type"`
	}
	list := []issued{}
	for _, i := range s.Issued(id) {
		list = append(list, issued(i))
	}
	if len(list) == 0 {
		return nil, refuseRequest(http.StatusNotFound, "no session %.60q was issued anything", id)
	}
	return map[string]any{"session": id, "issued": list}, nil
}

// controlReceived lists what clients sent from payload number since on, and where to go on.
func (s *Server) controlReceived(req *http.Request) (any, error) {
	text, err := readQuery(req, "since")
	if err != nil {
		return nil, err
	}
	var since int64
	if text != "" {
		if since, err = strconv.ParseInt(text, 10, 64); err != nil || since < 0 {
			return nil, badRequest("query: since is %.40q, not a number of 0 or more", text)
		}
	}
	type payload struct {
		At         time.Time       `json:"at"`
		Connection int             `json:"connection"`
		Host       string          `json:"host"`
		Shard      int             `json:"shard"`
		Op         *int            `json:"op"` // null for a close frame
		Data       json.RawMessage `json:"data,omitempty"`
		Close      int             `json:"close,omitempty"`
	}
	s.mu.Lock()
	next, news := s.received.added, s.received.from(since)
	s.mu.Unlock()
	list := []payload{}
	for _, p := range news {
		out := payload{p.At, p.Conn, p.Host, p.Shard, &p.Op, withoutToken(p), p.Close}
		if p.Op == OpClose {
			out.Op = nil
		}
		list = append(list, out)
	}
	return map[string]any{"next": next, "received": list}, nil
}

// withoutToken is a payload's data, with the token of an IDENTIFY or RESUME left out: it may be a real one, sent
// here by mistake.
func withoutToken(p Payload) json.RawMessage {
	f, ok := parseFields(p.Data)
	if !ok || f["token"] == nil {
		return p.Data
	}
	f["token"] = json.RawMessage(`"[token]"`)
	return mustJSON(f)
}
