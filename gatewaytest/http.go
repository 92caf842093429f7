package gatewaytest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	hostGateway = "gateway"
	hostResume  = "resume"
	hostAPI     = "api"

	apiPath     = "/api/v10"
	httpTimeout = 10 * time.Second
	maxHeader   = 64 << 10
)

// docs /reference#user-agent
var userAgent = regexp.MustCompile(`^DiscordBot \(\S+, \S+\)`)

// handle serves one accepted connection: one HTTP request, or one WebSocket connection to its end.
func (s *Server) handle(nc net.Conn, host string) {
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(httpTimeout))
	limited := &io.LimitedReader{R: nc, N: maxHeader}
	r := bufio.NewReaderSize(limited, 1024)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	if s.cfg.Control && host != hostResume && strings.HasPrefix(req.URL.Path, controlPath) {
		limited.N = 2*maxControl + maxHeader
		s.control(nc, req)
		return
	}
	shard := shardTag(req.URL.Query())
	if mute, down := s.unreachable(host); mute || down {
		if req.URL.Path == "" || req.URL.Path == "/" {
			s.missed(host, shard, !down)
		}
		if down {
			reset(nc)
			return
		}
		nc.SetDeadline(s.muteEnds(host))
		io.Copy(io.Discard, nc)
		reset(nc)
		return
	}
	if ua := req.UserAgent(); !userAgent.MatchString(ua) {
		s.httpViolation(RuleUserAgent, "User-Agent is %.80q", ua)
	}
	switch req.URL.Path {
	case apiPath + "/gateway", apiPath + "/gateway/bot":
		if _, down := s.unreachable(hostAPI); down {
			reset(nc)
			return
		}
		s.discovery(nc, req)
		return
	case "", "/":
	default:
		answer(nc, http.StatusNotFound, nil, `{"message":"404: Not Found","code":0}`)
		return
	}
	if host == hostAPI {
		answer(nc, http.StatusNotFound, nil, `{"message":"404: Not Found","code":0}`)
		return
	}
	if rule := s.refused(host); rule != nil {
		answer(nc, rule.status, rule.header, "")
		return
	}
	if s.struckDial(nc, host, shard) {
		return
	}
	c := s.upgrade(nc, req, host)
	if c == nil {
		return
	}
	limited.N = math.MaxInt64
	nc.SetDeadline(time.Time{})
	c.serve(&frameReader{r: r})
}

func (s *Server) httpViolation(rule, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violation(Violation{Shard: -1, Rule: rule, Detail: fmt.Sprintf(format, args...)})
}

// refused finds the RefuseUpgrade rule for a request.
func (s *Server) refused(host string) *Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	rule := s.refusal(host)
	if rule != nil && host == hostResume {
		s.trouble(time.Now())
	}
	return rule
}

// discovery answers GET /gateway and GET /gateway/bot: docs /events/gateway#get-gateway.
func (s *Server) discovery(nc net.Conn, req *http.Request) {
	if rule := s.refused(hostAPI); rule != nil {
		answer(nc, rule.status, rule.header, refusalBody(rule))
		return
	}
	if req.Method != http.MethodGet {
		answer(nc, http.StatusMethodNotAllowed, nil, `{"message":"405: Method Not Allowed","code":0}`)
		return
	}
	if req.URL.Path == apiPath+"/gateway" {
		answer(nc, http.StatusOK, nil, string(mustJSON(map[string]string{"url": s.url})))
		return
	}
	s.mu.Lock()
	authorized := req.Header.Get("Authorization") == "Bot "+s.token
	now := time.Now()
	left := s.remaining(now)
	body := mustJSON(map[string]any{
		"url": s.url, "shards": s.cfg.Shards,
		"session_start_limit": map[string]any{
			"total": s.cfg.SessionLimit, "remaining": left,
			"reset_after":     sessionLimitWindow.Milliseconds() - now.Sub(s.dayBegan).Milliseconds(),
			"max_concurrency": s.cfg.MaxConcurrency,
		},
	})
	s.mu.Unlock()
	if !authorized {
		answer(nc, http.StatusUnauthorized, nil, `{"message":"401: Unauthorized","code":0}`)
		return
	}
	answer(nc, http.StatusOK, nil, string(body))
}

// refusalBody is what Discord says with a 429: docs /topics/rate-limits#exceeding-a-rate-limit.
func refusalBody(rule *Rule) string {
	if rule.status != http.StatusTooManyRequests {
		return string(mustJSON(map[string]any{"message": fmt.Sprintf("%d: %s", rule.status, http.StatusText(rule.status)), "code": 0}))
	}
	after, _ := strconv.ParseFloat(rule.header.Get("Retry-After"), 64)
	return string(mustJSON(map[string]any{"message": "You are being rate limited.", "retry_after": json.Number(strconv.FormatFloat(after, 'f', 3, 64)), "global": false}))
}

func answer(nc net.Conn, status int, header http.Header, body string) {
	h := header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if body != "" && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	resp := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Close: true, Header: h,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}
	w := bufio.NewWriter(nc)
	if resp.Write(w) == nil {
		w.Flush()
	}
}
