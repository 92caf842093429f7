package fleet

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// What the stream of dead letters keeps, of all workers of a fleet: the oldest are dropped.
	deadMaxAge   = 7 * 24 * time.Hour
	deadMaxBytes = 256 << 20
	// The stream of tries: some hundred bytes for each event that comes again.
	triesMaxBytes = 64 << 20
)

// deadConfig is the stream of dead letters. A node makes it, so that a worker needs no right but to publish there.
func (f *fleet) deadConfig() jetstream.StreamConfig {
	cfg := f.streamConfig()
	cfg.Name, cfg.Subjects, cfg.Description = f.names.dead(), []string{f.names.prefix("dead") + ">"}, "events that no worker has acknowledged"
	cfg.MaxAge, cfg.MaxBytes, cfg.AllowBatchPublish = deadMaxAge, min(deadMaxBytes, f.cfg.MaxBytes), false
	return cfg
}

// triesConfig is the stream that counts how often an event has been handed over that comes again, in one counter for each such event and durable. The
// server's own count has also what a worker had only fetched.
func (f *fleet) triesConfig() jetstream.StreamConfig {
	cfg := f.streamConfig()
	cfg.Name, cfg.Subjects, cfg.Description = f.names.tries(), []string{f.names.prefix("tries") + ">"}, "how often events have come again"
	cfg.MaxAge, cfg.MaxBytes, cfg.MaxMsgsPerSubject = f.cfg.MaxAge, triesMaxBytes, 1
	cfg.AllowBatchPublish, cfg.AllowMsgCounter = false, true
	return cfg
}

// tried counts that an event is handed over once more, and says how often it has been before.
func (r *reading) tried(ctx context.Context, h held) int {
	m := &nats.Msg{Subject: r.names.try(r.cfg.Durable, h.meta.Sequence.Stream), Header: nats.Header{"Nats-Incr": {"1"}}}
	counting, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	ack, err := r.js.PublishMsg(counting, m, jetstream.WithRetryAttempts(0))
	if err == nil {
		var n int
		if n, err = strconv.Atoi(ack.Value); err == nil {
			return n // the first time is not counted, and this one is
		}
	}
	r.cfg.Logger.Error("deliveries not counted; the server's count, which is higher, is taken", "stream", r.names.tries(), "error", err)
	return int(h.meta.NumDelivered) - 1
}

// bury stores an event as a dead letter, and acknowledges it then. What cannot be stored now comes again after AckWait, and is tried again.
func (r *reading) bury(ctx context.Context, m jetstream.Msg, meta *jetstream.MsgMetadata, tries int, why string) {
	log := r.cfg.Logger.With("subject", m.Subject(), "stream_sequence", meta.Sequence.Stream, "deliveries", tries, "reason", why)
	letter := &nats.Msg{Subject: r.names.deadLetter(r.cfg.Durable, typeOf(m.Subject())), Header: maps.Clone(m.Headers()), Data: m.Data()}
	if letter.Header == nil {
		letter.Header = nats.Header{}
	}
	// The event's own instructions to the server, as the first of a batch has, mean nothing there.
	maps.DeleteFunc(letter.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Nats-") })
	sequence := strconv.FormatUint(meta.Sequence.Stream, 10)
	letter.Header.Set(HeaderDead, oneLine(why))
	letter.Header.Set(HeaderDeadSubject, m.Subject())
	letter.Header.Set(HeaderDeadSequence, sequence)
	letter.Header.Set(HeaderDeadDeliveries, strconv.Itoa(tries))
	letter.Header.Set(nats.MsgIdHdr, r.cfg.Durable+":"+sequence)
	storing, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	if _, err := r.js.PublishMsg(storing, letter, jetstream.WithRetryAttempts(0)); err != nil {
		log.Error("dead letter not stored; the event comes again", "stream", r.names.dead(), "error", err)
		return
	}
	r.w.dead.Add(1)
	log.Error("event made a dead letter", "stream", r.names.dead())
	if err := m.Ack(); err != nil {
		log.Warn("dead letter not acknowledged; it is stored", "error", err)
	}
}

// typeOf is the event's type, as it stands in a subject.
func typeOf(subject string) string {
	if parts := strings.Split(subject, "."); len(parts) > 4 {
		return parts[4]
	}
	return "_"
}

// oneLine is text as a header can have it.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
