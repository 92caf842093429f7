package chiru

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answering is a RoundTripper with one answer, whose body has no end if it is to.
type answering struct {
	status  int
	after   string
	body    string
	endless bool
	read    int
	pos     int
}

func (a *answering) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Retry-After": {a.after}}, Body: a, Request: req}, nil
}

func (a *answering) Read(p []byte) (int, error) {
	if a.pos == len(a.body) {
		if !a.endless || a.body == "" {
			return 0, io.EOF
		}
		a.pos = 0
	}
	n := copy(p, a.body[a.pos:])
	a.read, a.pos = a.read+n, a.pos+n
	return n, nil
}

func (a *answering) Close() error { return nil }

// FuzzDiscover: whatever the API answers, it is read to a bound only, and gives an error or numbers that can be meant.
func FuzzDiscover(f *testing.F) {
	const good = `{"url":"wss://gateway.discord.gg","shards":9,"session_start_limit":{"total":1000,"remaining":999,"reset_after":14400000,"max_concurrency":1}}`
	f.Add(200, "", good, false)
	f.Add(200, "", " ", true)
	f.Add(200, "", strings.Replace(good, "14400000", "9223372036854775807", 1), false)
	f.Add(200, "", strings.Replace(good, `y":1`, `y":4611686018427387904`, 1), false)
	f.Add(200, "", strings.Replace(good, `s":9`, `s":-9`, 1), false)
	f.Add(200, "", strings.Replace(good, "wss:", "ws:", 1), false)
	f.Add(429, "Fri, 31 Dec 9999 23:59:59 GMT", `{"retry_after":1}`, false)
	f.Add(503, "1e300", "", false)
	f.Fuzz(func(t *testing.T, status int, after, body string, endless bool) {
		a := &answering{status: status, after: after, body: body, endless: endless}
		got, err := Discover(t.Context(), &http.Client{Transport: a}, "https://api.test/v10", "token")
		if a.read > 1<<20 {
			t.Fatalf("read %d bytes of the answer", a.read)
		}
		if err != nil {
			if refused, ok := errors.AsType[*UpgradeError](err); got != (Gateway{}) || ok && (refused.RetryAfter < 0 || refused.RetryAfter > 24*time.Hour) {
				t.Fatalf("got %+v beside %#v", got, err)
			}
			return
		}
		if u, err := parseBase(got.URL); status != 200 || err != nil || u.Scheme != "wss" {
			t.Fatalf("status %d gave %+v", status, got)
		}
		if got.ResetAfter < 0 || got.ResetAfter > 7*24*time.Hour {
			t.Fatalf("reset after %v", got.ResetAfter)
		}
		for _, n := range []int{got.Shards, got.Total, got.Remaining, got.MaxConcurrency} {
			if n < 0 || n > 1<<20 {
				t.Fatalf("got %+v", got)
			}
		}
		NewIdentifyGate(got.MaxConcurrency)
	})
}
