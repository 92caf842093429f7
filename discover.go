package chiru

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// DefaultAPI is Discord's HTTP API.
const DefaultAPI = "https://discord.com/api/v10"

// What a caller takes from an answer, as a size or a wait, must be a number that can be meant.
const (
	answerMost   = 1 << 20            // bytes
	mostOfAny    = 1 << 20            // shards, sessions, identifies in 5 s
	longestReset = 7 * 24 * time.Hour // Discord's is a day
)

// Gateway is the answer of GET /gateway/bot (docs /events/gateway#get-gateway-bot).
type Gateway struct {
	URL    string
	Shards int // recommended
	// The session starts of a day, those left, and when they are new again.
	Total, Remaining int
	ResetAfter       time.Duration
	MaxConcurrency   int // identifies in 5 s
}

// Discover asks an HTTP API (default DefaultAPI) for the gateway's address and the token's session
// start limit. client is treated as Config.HTTPClient is. It asks once and waits 20 s at most; an
// answer other than 200 is an *UpgradeError, one that cannot be meant a *ProtocolError. Do not repeat
// a 401: Discord bans addresses for many (docs /topics/rate-limits#invalid-request-limit-aka-cloudflare-bans).
func Discover(ctx context.Context, client *http.Client, api, token string) (Gateway, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	if api == "" {
		api = DefaultAPI
	}
	where, err := url.JoinPath(api, "gateway", "bot")
	if err != nil || !strings.HasPrefix(where, "http") {
		return Gateway{}, &ConfigError{Field: "api", Reason: fmt.Sprintf("%q is no http or https URL", api)}
	}
	token = strings.TrimPrefix(token, "Bot ")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return Gateway{}, &ConfigError{Field: "api", Reason: "is no URL"}
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Authorization", "Bot "+token)
	asking := *upgradeClient(client)
	asking.Transport = &upgrade{RoundTripper: asking.Transport, ctx: ctx}
	resp, err := asking.Do(req)
	if err != nil {
		return Gateway{}, dialError(where, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Gateway{}, refusedBy(resp, hostOf(where))
	}
	var body struct {
		URL    string `json:"url"`
		Shards int    `json:"shards"`
		Limit  struct {
			Total          int   `json:"total"`
			Remaining      int   `json:"remaining"`
			ResetAfter     int64 `json:"reset_after"` // milliseconds
			MaxConcurrency int   `json:"max_concurrency"`
		} `json:"session_start_limit"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, answerMost)).Decode(&body); err != nil {
		return Gateway{}, &ProtocolError{During: "discovery", Reason: "the answer of " + hostOf(where) + " cannot be read", Err: err}
	}
	found, err := parseBase(body.URL)
	if err == nil && found.Scheme == "ws" && strings.HasPrefix(where, "https:") {
		err = errors.New("is not encrypted, though the API is")
	}
	if err != nil {
		return Gateway{}, &ProtocolError{During: "discovery", Reason: "the gateway URL of " + hostOf(where), Err: err}
	}
	counts := []int{body.Shards, body.Limit.Total, body.Limit.Remaining, body.Limit.MaxConcurrency}
	if reset := body.Limit.ResetAfter; slices.Min(counts) < 0 || slices.Max(counts) > mostOfAny || reset < 0 || reset > longestReset.Milliseconds() {
		return Gateway{}, &ProtocolError{During: "discovery", Reason: "the answer of " + hostOf(where) + " has numbers that cannot be meant"}
	}
	return Gateway{
		URL: body.URL, Shards: body.Shards, Total: body.Limit.Total, Remaining: body.Limit.Remaining,
		ResetAfter: time.Duration(body.Limit.ResetAfter) * time.Millisecond, MaxConcurrency: body.Limit.MaxConcurrency,
	}, nil
}
