package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/chiru-go/chiru"
)

const (
	// Discord answers for 100 ids at most (docs /events/gateway-events#request-guild-members).
	idsMost = 100
	// A request is given up when no chunk has come for so long while the shard is live.
	chunkWait = 30 * time.Second
	// Chunks that wait for a slow reader are bounded: the shard waits for nobody.
	chunkBytes = 64 << 20
)

// Why a member request ends.
var (
	ErrNewSession   = errors.New("cluster: a new session has begun, which answers no request of the one before; ask again")
	ErrNoChunk      = errors.New("cluster: no chunk for 30 s")
	ErrReaderIsSlow = errors.New("cluster: more than 64 MiB of chunks wait to be read")
)

// RateLimitedError is Discord's refusal of a request (docs /events/gateway-events#rate-limited): the whole list of a guild
// may be asked for once in 30 s.
type RateLimitedError struct{ RetryAfter time.Duration }

func (e *RateLimitedError) Error() string {
	return fmt.Sprintf("cluster: rate limited; ask again in %v", e.RetryAfter)
}

// Chunk is one part of the answer to a member request.
type Chunk struct {
	// Index and Count are those of one request; more than 100 ids are several, one after the other.
	Index, Count int
	// Dispatch is the GUILD_MEMBERS_CHUNK. Its Body is the receiver's own. inbound gets the same event.
	Dispatch *chiru.Dispatch
}

// Members asks for members of a guild and yields the answer, in the order in which it comes, as far as it comes; an error
// ends it: *RateLimitedError, ErrNewSession, ErrNoChunk, ErrReaderIsSlow, a *chiru.CommandError, or the end of the shard or
// of ctx. More than 100 UserIDs are split. Nonce must be unset. A resumed session answers what was asked before.
func (c *Cluster) Members(ctx context.Context, request chiru.MemberChunkRequest) iter.Seq2[*Chunk, error] {
	return func(yield func(*Chunk, error) bool) {
		if request.Nonce != "" {
			yield(nil, &chiru.CommandError{Command: "MemberChunkRequest", Field: "Nonce", Reason: "is set; Members has its own"})
			return
		}
		s, err := c.home(ctx, request.GuildID)
		if err != nil {
			yield(nil, err)
			return
		}
		ids := request.UserIDs
		for first := true; first || len(ids) > 0; first = false {
			part := request
			part.UserIDs = ids[:min(len(ids), idsMost)]
			ids = ids[len(part.UserIDs):]
			if !s.members(ctx, &part, yield) {
				return
			}
		}
	}
}

// members is one request. It is false if no other is to follow.
func (s *shard) members(ctx context.Context, request *chiru.MemberChunkRequest, yield func(*Chunk, error) bool) bool {
	q := s.r.calls.begin(s.id, request)
	defer s.r.calls.forget(q)
	if err := s.send(ctx, request); err != nil {
		yield(nil, err)
		return false
	}
	s.r.calls.sent(q)
	idle := time.NewTimer(chunkWait)
	defer idle.Stop()
	for left := -1; left != 0; {
		chunks, err := s.r.calls.take(q)
		for _, chunk := range chunks {
			if left < 0 {
				left = chunk.Count
			}
			left--
			if !yield(chunk, nil) {
				return false
			}
		}
		if len(chunks) > 0 {
			idle.Reset(chunkWait)
			continue
		}
		if err != nil {
			yield(nil, err)
			return false
		}
		select {
		case <-q.wake:
		case <-idle.C:
			left := chunkWait // from when it is live: a resumed session will answer
			if st := s.status(); st.State == "live" {
				left -= time.Since(st.Since)
			}
			if left <= 0 {
				yield(nil, ErrNoChunk)
				return false
			}
			idle.Reset(left)
		case <-ctx.Done():
			yield(nil, context.Cause(ctx))
			return false
		}
	}
	return true
}

// calls are the member requests that wait for an answer.
type calls struct {
	mu   sync.Mutex
	by   map[string]*call // nonce
	over error
}

type call struct {
	shard   int
	request *chiru.MemberChunkRequest
	wake    chan struct{}

	// Guarded by calls.mu.
	sent   bool
	seen   map[int]bool // a restarted shard is sent again what inbound had not taken
	chunks []*Chunk
	bytes  int
	err    error
}

func (c *calls) begin(shard int, request *chiru.MemberChunkRequest) *call {
	request.Nonce = rand.Text() // 26 letters and digits; Discord keeps 32
	q := &call{shard: shard, request: request, wake: make(chan struct{}, 1), seen: map[int]bool{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		q.err = c.over
		return q
	}
	if c.by == nil {
		c.by = map[string]*call{}
	}
	c.by[request.Nonce] = q
	return q
}

func (c *calls) sent(q *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q.sent = true
}

func (c *calls) forget(q *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, q.request.Nonce)
	q.chunks = nil
}

// take gives the chunks that have come, or why no more will.
func (c *calls) take(q *call) ([]*Chunk, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	chunks := q.chunks
	q.chunks, q.bytes = nil, 0
	return chunks, q.err
}

// fail ends a call. mu is held.
func (c *calls) fail(q *call, err error) {
	if q.err == nil {
		q.err = err
	}
	q.poke()
}

func (q *call) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (c *calls) chunk(d *chiru.Dispatch) {
	c.mu.Lock()
	none := len(c.by) == 0
	c.mu.Unlock()
	if none {
		return
	}
	body, err := chiru.Decode[struct {
		Nonce string `json:"nonce"`
		Index int    `json:"chunk_index"`
		Count int    `json:"chunk_count"`
	}](d)
	if err != nil || body.Count < 1 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.by[body.Nonce]
	if q == nil || q.shard != d.Shard() || q.err != nil || q.seen[body.Index] {
		return
	}
	q.seen[body.Index] = true
	if q.bytes+len(d.Body) > chunkBytes && len(q.chunks) > 0 {
		c.fail(q, ErrReaderIsSlow)
		return
	}
	own := *d
	own.Body = append([]byte(nil), d.Body...)
	q.chunks = append(q.chunks, &Chunk{body.Index, body.Count, &own})
	q.bytes += len(own.Body)
	q.poke()
}

func (c *calls) limited(d *chiru.Dispatch) {
	body, err := chiru.Decode[struct {
		Op         int     `json:"opcode"`
		RetryAfter float64 `json:"retry_after"` // seconds
		Meta       struct {
			Nonce string `json:"nonce"`
		} `json:"meta"`
	}](d)
	const requestMembers = 8
	if err != nil || body.Op != requestMembers {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if q := c.by[body.Meta.Nonce]; q != nil && q.shard == d.Shard() {
		c.fail(q, &RateLimitedError{time.Duration(body.RetryAfter * float64(time.Second))})
	}
}

func (c *calls) rejected(e *chiru.CommandRejected) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.by {
		if e.Command == chiru.OutgoingEvent(q.request) {
			c.fail(q, e.Err)
		}
	}
}

// renew ends the calls of a shard that the session before was asked.
func (c *calls) renew(shard int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.by {
		if q.shard == shard && q.sent {
			c.fail(q, ErrNewSession)
		}
	}
}

// drop ends the calls of a shard.
func (c *calls) drop(shard int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.by {
		if q.shard == shard {
			c.fail(q, err)
		}
	}
}

// end ends all calls, and those that come.
func (c *calls) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = err
	for _, q := range c.by {
		c.fail(q, err)
	}
}
