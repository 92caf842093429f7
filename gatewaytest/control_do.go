package gatewaytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// controlDispatch makes an event happen, or sends the one that is given.
func (s *Server) controlDispatch(req *http.Request) (any, error) {
	var in struct {
		Shard *int            `json:"shard"`
		Guild json.RawMessage `json:"guild"`
		Type  string          `json:"type"`
		Data  json.RawMessage `json:"data"`
	}
	if err := readControl(req, &in); err != nil {
		return nil, err
	}
	guild, isID := snowflakeOf(in.Guild)
	switch {
	case in.Type == "" || strings.Trim(in.Type, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "":
		return nil, badRequest("type is %.60q, not the name of an event", in.Type)
	case (in.Shard == nil) == isNull(in.Guild):
		return nil, badRequest("exactly one of shard and guild is needed")
	case in.Shard != nil && *in.Shard < 0:
		return nil, badRequest("shard is %d", *in.Shard)
	case in.Shard == nil && !isID:
		return nil, badRequest("guild is %.40s, not an id", in.Guild)
	case in.Data == nil && worldKindOf(in.Type) == nil && in.Type != voiceServerUpdate:
		return nil, badRequest("no %s happens by itself: give its data", in.Type)
	}
	var err error
	switch {
	case in.Data == nil && in.Shard != nil:
		in.Data, err = s.Inject(*in.Shard, in.Type)
	case in.Data == nil:
		in.Data, err = s.InjectIn(guild, in.Type)
	case s.dispatch(in.Type, in.Data, func(key shardKey) bool {
		return in.Shard != nil && key.id == *in.Shard || in.Shard == nil && key.covers(guild)
	}) == 0:
		err = fmt.Errorf("no session that got READY is of shard or guild %s", mustJSON(map[string]any{"shard": in.Shard, "guild": in.Guild}))
	}
	return map[string]any{"type": in.Type, "data": in.Data}, err
}

// waysToBreak are the ways to break a connection.
var waysToBreak = map[string]func(c *Conn, code int){
	"op7":           func(c *Conn, _ int) { c.Send(opReconnect, nil) },
	"op9":           func(c *Conn, _ int) { c.Send(opInvalidSession, false) },
	"op9-resumable": func(c *Conn, _ int) { c.Send(opInvalidSession, true) },
	"cut":           func(c *Conn, _ int) { c.Cut() },
	"close":         func(c *Conn, code int) { c.Close(code, closeReason[code]) },
	"mute":          func(c *Conn, _ int) { c.Mute() },
	"mute-acks":     func(c *Conn, _ int) { c.MuteACKs() },
}

// controlBreak breaks the connections of a shard.
func (s *Server) controlBreak(req *http.Request) (any, error) {
	var in struct {
		Shard *int   `json:"shard"`
		How   string `json:"how"`
		Code  *int   `json:"code"`
	}
	if err := readControl(req, &in); err != nil {
		return nil, err
	}
	do, code := waysToBreak[in.How], 4000
	switch {
	case in.Shard == nil || *in.Shard < 0:
		return nil, badRequest("shard is needed, 0 or more")
	case do == nil:
		return nil, badRequest("how is %.40q; it can be op7, op9, op9-resumable, cut, close, mute or mute-acks", in.How)
	case in.Code != nil && in.How != "close":
		return nil, badRequest("code goes with how close only")
	case in.Code != nil:
		code = *in.Code
		if !sendableCode(code) {
			return nil, badRequest("code %d cannot be sent: 1000 to 4999, but for 1004, 1005, 1006 and 1015", code)
		}
	}
	conns := s.connsOf(*in.Shard)
	for _, c := range conns {
		do(c, code)
	}
	if len(conns) == 0 {
		return nil, fmt.Errorf("shard %d has no open connection", *in.Shard)
	}
	return map[string]int{"connections": len(conns)}, nil
}

// connsOf returns the connections of a shard that are not closing.
func (s *Server) connsOf(shard int) []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.conns), func(c *Conn) bool { return c.shard != shard || c.closing })
}

// controlHosts makes a host unreachable or silent, or well again.
func (s *Server) controlHosts(req *http.Request) (any, error) {
	var in struct {
		Host string `json:"host"`
		Down *bool  `json:"down"`
		Mute *bool  `json:"mute"`
	}
	if err := readControl(req, &in); err != nil {
		return nil, err
	}
	switch {
	case memoryHosts[in.Host] == "":
		return nil, badRequest("host is %.40q; it can be gateway, resume or api", in.Host)
	case in.Down == nil && in.Mute == nil:
		return nil, badRequest("down or mute is needed, true or false")
	}
	if in.Down != nil {
		s.HostDown(in.Host, *in.Down)
	}
	if in.Mute != nil {
		s.HostMute(in.Host, *in.Mute)
	}
	mute, down := s.unreachable(in.Host)
	return map[string]any{"host": in.Host, "down": down, "mute": mute}, nil
}

// controlChaos begins a chaos, or ends it, and tells what the ones so far have done.
func (s *Server) controlChaos(req *http.Request) (any, error) {
	var in struct {
		Spec *string `json:"spec"`
	}
	if err := readControl(req, &in); err != nil {
		return nil, err
	}
	if in.Spec == nil {
		return nil, badRequest("spec is needed; an empty one ends the chaos")
	}
	if err := s.SetChaos(*in.Spec); err != nil {
		return nil, badRequest("%s", strings.TrimPrefix(err.Error(), "gatewaytest: "))
	}
	type strikes struct {
		Stage string `json:"stage"`
		Fault string `json:"fault"`
		Count int    `json:"count"`
	}
	list := []strikes{}
	for k, n := range s.Strikes() {
		list = append(list, strikes{k.Stage, k.Fault, n})
	}
	slices.SortFunc(list, func(a, b strikes) int {
		return strings.Compare(a.Fault+" "+a.Stage, b.Fault+" "+b.Stage)
	})
	return map[string]any{"spec": *in.Spec, "strikes": list}, nil
}
