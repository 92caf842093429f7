package gatewaytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	controlPath = "/control/"
	maxControl  = 1 << 20 // bytes of one request
)

// Control is the root of the control API, empty without Config.Control and on an address that other machines
// have, too.
func (s *Server) Control() string { return s.controlURL }

// controls are the requests of the control API by method and path.
var controls = map[string]func(*Server, *http.Request) (any, error){
	"POST dispatch":  (*Server).controlDispatch,
	"POST break":     (*Server).controlBreak,
	"POST hosts":     (*Server).controlHosts,
	"POST chaos":     (*Server).controlChaos,
	"GET violations": (*Server).controlViolations,
	"GET sessions":   (*Server).controlSessions,
	"GET ledger":     (*Server).controlLedger,
	"GET received":   (*Server).controlReceived,
}

// refusedRequest is what a control request is answered with instead.
type refusedRequest struct {
	status int
	text   string
}

func (e *refusedRequest) Error() string { return e.text }

func refuseRequest(status int, format string, args ...any) error {
	return &refusedRequest{status, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return refuseRequest(http.StatusBadRequest, format, args...)
}

// control answers one request of the control API.
func (s *Server) control(nc net.Conn, req *http.Request) {
	header := http.Header{"Cache-Control": {"no-store"}}
	result, err := s.controlled(nc, req, header)
	io.Copy(io.Discard, req.Body) // or the answer to a body too large may be lost to a reset
	if err != nil {
		status := http.StatusConflict
		if bad, ok := errors.AsType[*refusedRequest](err); ok {
			status = bad.status
		}
		result = map[string]string{"error": strings.TrimPrefix(err.Error(), "gatewaytest: ")}
		answer(nc, status, header, string(mustJSON(result)))
		return
	}
	answer(nc, http.StatusOK, header, string(mustJSON(result)))
}

func (s *Server) controlled(nc net.Conn, req *http.Request, header http.Header) (any, error) {
	if err := s.local(nc, req); err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(req.URL.Path, controlPath)
	if do := controls[req.Method+" "+name]; do != nil {
		return do(s, req)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if controls[method+" "+name] != nil {
			header.Set("Allow", method)
			return nil, refuseRequest(http.StatusMethodNotAllowed, "%s takes %s, not %s", req.URL.Path, method, req.Method)
		}
	}
	return nil, refuseRequest(http.StatusNotFound, "there is no %s", req.URL.Path)
}

// local lets only this machine's own programs in: no other machine, no page of a web site in a browser here, and
// none that has its name resolve to this machine.
func (s *Server) local(nc net.Conn, req *http.Request) error {
	if addr, ok := nc.RemoteAddr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		return refuseRequest(http.StatusForbidden, "the control API is for this machine, not for %s", addr.IP)
	}
	if !s.loopback(req.Host) {
		return refuseRequest(http.StatusForbidden, "Host %.100q is not loopback", req.Host)
	}
	for _, origin := range req.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || !s.loopback(u.Host) {
			return refuseRequest(http.StatusForbidden, "Origin %.100q is not loopback", origin)
		}
	}
	return nil
}

func (s *Server) loopback(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	return name == "localhost" || net.ParseIP(name).IsLoopback() || s.memory != nil && name == memoryHosts[hostAPI]
}

// readControl reads a request's body, one JSON object without a field that is not known.
func readControl(req *http.Request, into any) error {
	if req.ContentLength > maxControl {
		return refuseRequest(http.StatusRequestEntityTooLarge, "a body of %d bytes, at most %d are taken", req.ContentLength, maxControl)
	}
	text, err := io.ReadAll(io.LimitReader(req.Body, maxControl))
	if err != nil {
		return badRequest("body: %v", err)
	}
	if !utf8.Valid(text) {
		return badRequest("body: not UTF-8") // RFC 8259, 8.1; and no client would take the event
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest("body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest("body: more than one JSON value")
	}
	return nil
}

// readQuery returns the value of the one parameter a request may have.
func readQuery(req *http.Request, name string) (string, error) {
	q, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return "", badRequest("query: %v", err)
	}
	for key, values := range q {
		if key != name || len(values) > 1 {
			return "", badRequest("query: unknown or repeated parameter %.40q", key)
		}
	}
	return q.Get(name), nil
}
