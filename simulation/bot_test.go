package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
	"github.com/chiru-go/chiru/sessions"
)

// bot is one shard: a process that runs, restarts and is run again, its consumer, and whoever sends commands.
type bot struct {
	shard    int
	server   *gatewaytest.Server
	watch    *watch
	cfg      chiru.Config
	outbound chan chiru.OutgoingEvent
	guilds   []uint64
	rng      *rand.Rand    // of the process
	calmed   chan struct{} // closed when nothing is to go wrong any more
	stalls   chan time.Duration
	done     chan struct{}

	auditing sync.Mutex // guards audit; the server's lock may be taken inside it
	audit    *gatewaytest.Audit

	mu      sync.Mutex // guards what follows; taken inside the server's lock, so nothing is called under it
	stats   *chiru.Stats
	restart context.CancelCauseFunc
	luck    *rand.Rand
	stood   [][2]time.Time // when the consumer stood still

	finals, restarts                             int64
	connections, resumes, identifies, duplicates int64
}

func newBot(p plan, shard int, server *gatewaytest.Server, gate chiru.IdentifyGate, w *watch) *bot {
	rng := source(p.seed, shard, "bot")
	b := &bot{
		shard: shard, server: server, watch: w, rng: rng, luck: source(p.seed, shard, "luck"),
		outbound: make(chan chiru.OutgoingEvent), calmed: make(chan struct{}),
		stalls: make(chan time.Duration, 1), done: make(chan struct{}),
		audit: server.Audit(shard), stats: new(chiru.Stats),
	}
	b.cfg = chiru.Config{
		URL: fmt.Sprintf("%s/?shard=%d", server.URL(), shard), ShardID: shard, ShardCount: p.shards,
		Intents: chiru.IntentsAll, HTTPClient: server.Client(), Gate: gate, MaxMessage: maxMessage,
		Compression:   pick(rng, compressions...),
		BacklogEvents: pick(rng, 1, 8, 256), BacklogBytes: pick(rng, 1, 64<<10, 4<<20),
		Logger: slog.New(w.handler("client")),
	}
	if p.compression != nil {
		b.cfg.Compression = *p.compression
	}
	if rng.IntN(2) == 0 {
		b.cfg.Store = new(sessions.Memory)
	}
	for _, g := range server.Guilds() {
		if int((g>>22)%uint64(p.shards)) == shard {
			b.guilds = append(b.guilds, g)
		}
	}
	return b
}

var compressions = []chiru.Compression{chiru.CompressionNone, chiru.CompressionZlibStream, chiru.CompressionZstdStream}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// live runs the shard, again after each end, until ctx ends.
func (b *bot) live(ctx context.Context) {
	defer close(b.done)
	var commands sync.WaitGroup
	commands.Go(func() { b.command(ctx) })
	defer commands.Wait()
	for ctx.Err() == nil {
		err := b.process(ctx)
		switch {
		case ctx.Err() != nil:
			if err != errEnd {
				b.watch.wrong("shard %d: Run returned %v, want the cause", b.shard, err)
			}
		case err == errRestart:
			b.restarts++
		default:
			b.finals++
			b.judge(err)
		}
		if b.cfg.Store == nil {
			b.auditing.Lock()
			b.audit.Anew()
			b.auditing.Unlock()
		}
		b.wait(ctx, time.Duration(b.rng.Int64N(int64(20*time.Second))))
	}
}

// process is one Run and its consumer. It may be told to stop in between.
func (b *bot) process(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cfg := b.cfg
	cfg.Token, cfg.Stats = b.server.Token(), new(chiru.Stats)
	b.mu.Lock()
	b.stats, b.restart = cfg.Stats, cancel
	b.mu.Unlock()
	inbound, consumed := make(chan chiru.IncomingEvent, b.rng.IntN(3)), make(chan struct{})
	go func() {
		defer close(consumed)
		b.consume(ctx, inbound)
	}()
	err := chiru.Run(ctx, cfg, b.outbound, inbound)
	close(inbound)
	<-consumed
	n := cfg.Stats.Snapshot()
	b.connections += n.Connections
	b.resumes += n.Resumes
	b.identifies += n.Identifies
	b.duplicates += n.Duplicates
	if n.Skipped != 0 {
		b.watch.wrong("shard %d: %d sequence numbers were skipped", b.shard, n.Skipped)
	}
	return err
}

// judge says whether Run may have ended by itself: by a final close code that was sent, or by the third close in ten
// minutes for a payload that no command explains.
func (b *bot) judge(err error) {
	closed, ok := errors.AsType[*chiru.CloseError](err)
	if !ok {
		b.watch.wrong("shard %d: Run ended by itself: %v", b.shard, err)
		return
	}
	sent := b.watch.faultsOf(b.shard)
	switch code := int(closed.Code); {
	case closed.Code == chiru.CloseUnknownOpcode || closed.Code == chiru.CloseDecodeError:
		ok = sent["close-4001"]+sent["close-4002"] >= 3
	case code == 4004:
		ok = sent["close-4004"] > 0 || b.watch.revoked()
	default:
		ok = closed.Code.Final() && sent[fmt.Sprintf("close-%d", code)] > 0
	}
	if !ok {
		b.watch.wrong("shard %d: Run ended with %v, which was not sent: %v", b.shard, err, sent)
	}
}

// consume takes what comes, and stands still when it is told to.
func (b *bot) consume(ctx context.Context, inbound <-chan chiru.IncomingEvent) {
	for {
		select {
		case event, ok := <-inbound:
			if !ok {
				return
			}
			if d, ok := event.(*chiru.Dispatch); ok {
				b.got(d)
			}
		case d := <-b.stalls:
			from := time.Now()
			b.wait(ctx, d)
			b.mu.Lock()
			b.stood = append(b.stood, [2]time.Time{from, time.Now()})
			b.mu.Unlock()
		}
	}
}

func (b *bot) got(d *chiru.Dispatch) {
	b.auditing.Lock()
	defer b.auditing.Unlock()
	if err := b.audit.Got(d.SessionID, d.Sequence, d.Type, d.Body); err != nil {
		b.watch.wrong("%v", err)
	}
}

// rest says what the consumer lacks.
func (b *bot) rest() error {
	b.auditing.Lock()
	defer b.auditing.Unlock()
	return b.audit.Rest()
}

func (b *bot) snapshot() chiru.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats.Snapshot()
}

// trouble lets a consumer stall, or the process restart, soon after something else went wrong.
func (b *bot) trouble() {
	b.mu.Lock()
	defer b.mu.Unlock()
	what := b.luck.Float64()
	after := time.Duration(b.luck.Int64N(int64(5 * time.Second)))
	lasts := time.Duration(min(b.luck.ExpFloat64(), 5) * float64(2*time.Minute))
	switch {
	case b.isCalm() || !b.watch.p.trouble:
	case what < 0.03:
		time.AfterFunc(after, func() { b.strike("process-restart", func() { b.cancel() }) })
	case what < 0.06:
		time.AfterFunc(after, func() {
			select {
			case b.stalls <- lasts:
				b.strike("consumer-stall", func() {})
			default:
			}
		})
	}
}

// stoodStill says whether the consumer stood still at a time, or shortly before.
func (b *bot) stoodStill(at time.Time, before time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.stood {
		if s[0].Before(at) && s[1].Add(before).After(at) {
			return true
		}
	}
	return false
}

func (b *bot) strike(fault string, do func()) {
	if !b.isCalm() {
		b.watch.struck(b.shard, gatewaytest.Strike{Stage: b.snapshot().State, Fault: fault}, true)
		do()
	}
}

func (b *bot) cancel() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.restart(errRestart)
}

// command sends bursts of commands, up to more than the send limit takes at once.
func (b *bot) command(ctx context.Context) {
	rng := source(b.watch.p.seed, b.shard, "commands")
	for b.wait(ctx, time.Duration(rng.ExpFloat64()*float64(15*time.Minute))) {
		for range pick(rng, 1, 2, 3, 5, 8, 13, 21, 130) {
			select {
			case b.outbound <- b.someCommand(rng):
			case <-ctx.Done():
				return
			}
		}
	}
}

func (b *bot) someCommand(rng *rand.Rand) chiru.OutgoingEvent {
	if rng.IntN(4) == 0 || len(b.guilds) == 0 {
		return &chiru.PresenceUpdate{Status: pick(rng, chiru.StatusOnline, chiru.StatusIdle)}
	}
	guild := chiru.Snowflake(pick(rng, b.guilds...))
	return pick[chiru.OutgoingEvent](rng,
		&chiru.SoundboardSoundsRequest{GuildIDs: []chiru.Snowflake{guild}},
		&chiru.ChannelInfoRequest{GuildID: guild, Fields: []string{"status"}},
		&chiru.MemberChunkRequest{GuildID: guild, Query: "a", Limit: 1},
	)
}

func (b *bot) calm() { close(b.calmed) }

func (b *bot) isCalm() bool {
	select {
	case <-b.calmed:
		return true
	default:
		return false
	}
}

// wait lets time pass until nothing is to go wrong any more; false once ctx has ended.
func (b *bot) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return false
	case <-b.calmed:
		// What a calm bot waits for, besides the end, is over at once.
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		case <-time.After(time.Second):
		}
	}
	return true
}
