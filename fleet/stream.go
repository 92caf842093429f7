package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// What a NATS server must take: nats-server's own default, 1 MiB, is less than some GUILD_CREATE. It warns of more than 8 MiB.
	leastPayload = 8 << 20
	// An event that is stored again within it is known to be a repetition. The batches leave none; it is the second line of defence.
	duplicatesWindow = 2 * time.Minute
	// How long the bucket remembers that a key has ended.
	markerLasts = time.Minute
	// What tells a stream of ours from any other.
	metaFormat = "chiru-format"
	metaBot    = "chiru-bot" // a hash of the token
)

// prepare makes the stream and the bucket, or takes those that are there. It waits for as long as NATS has nobody to answer.
func (f *fleet) prepare(ctx context.Context) error {
	pause := retryFirst
	for {
		asking, cancel := context.WithTimeout(ctx, claimWait)
		err := f.setUp(asking)
		cancel()
		if err == nil || ctx.Err() != nil {
			return orCause(ctx, err)
		}
		if _, final := errors.AsType[*SetupError](err); final {
			return err
		}
		if err := turnedAway(f.nc); err != nil {
			return err
		}
		f.log.Warn("stream not ready", "error", err, "wait", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause = min(2*pause, retryMost)
	}
}

func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (f *fleet) setUp(ctx context.Context) (err error) {
	if most := f.nc.MaxPayload(); most > 0 && most < leastPayload {
		return &SetupError{"nats", fmt.Sprintf("its max_payload is %d bytes, and events of large guilds have more", most),
			"set max_payload: 8MB, or more, on every nats-server; with 64MB no event is too large"}
	}
	if f.stream, err = f.ensure(ctx, f.streamConfig()); err != nil {
		return err
	}
	if _, err = f.ensure(ctx, f.deadConfig()); err != nil {
		return err
	}
	if _, err = f.ensure(ctx, f.triesConfig()); err != nil {
		return err
	}
	if _, err = f.ensure(ctx, f.bucketConfig()); err != nil {
		return err
	}
	f.kv, err = ask(ctx, func(ctx context.Context) (jetstream.KeyValue, error) { return f.js.KeyValue(ctx, f.names.bucket()) })
	return err
}

func (f *fleet) metadata() map[string]string {
	return map[string]string{metaFormat: strconv.Itoa(Format), metaBot: f.bot}
}

// Direct reads are off in both: a replica may lag behind its leader.
func (f *fleet) streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: f.names.stream(), Subjects: f.names.subjects(), Description: "events of Discord's Gateway",
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxAge: f.cfg.MaxAge, MaxBytes: f.cfg.MaxBytes,
		MaxMsgs: -1, MaxMsgSize: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1,
		Storage: jetstream.FileStorage, Replicas: f.cfg.Replicas, Duplicates: duplicatesWindow,
		AllowBatchPublish: true, Metadata: f.metadata(),
	}
}

// bucketConfig is that of a key-value bucket in which keys may have a lifetime.
func (f *fleet) bucketConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: f.names.kvStream(), Subjects: []string{f.names.kvSubject() + ".>"}, Description: "leases of a chiru fleet",
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxMsgsPerSubject: 1, MaxConsumers: -1,
		Storage: jetstream.FileStorage, Replicas: f.cfg.Replicas, Duplicates: duplicatesWindow,
		AllowRollup: true, DenyDelete: true, AllowMsgTTL: true, SubjectDeleteMarkerTTL: markerLasts, Metadata: f.metadata(),
	}
}

// ensure makes a stream as it is wanted, or holds the one of that name against it.
func (f *fleet) ensure(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	find := func(ctx context.Context) (jetstream.Stream, error) { return f.js.Stream(ctx, want.Name) }
	s, err := ask(ctx, find)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = f.js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			s, err = ask(ctx, find) // another node was quicker
		}
	}
	if err != nil {
		return nil, f.explain(want, err)
	}
	have := s.CachedInfo().Config
	if err := f.ours(have); err != nil {
		return nil, err
	}
	next, changed := migrated(have, want)
	if len(changed) > 0 {
		f.log.Info("stream brought up to date", append([]any{"stream", want.Name}, changed...)...)
		if s, err = f.js.UpdateStream(ctx, next); err != nil {
			return nil, f.explain(want, err)
		}
		have = s.CachedInfo().Config
	}
	if want.AllowBatchPublish && !have.AllowBatchPublish {
		return nil, &SetupError{"stream " + have.Name, "the NATS server takes no fast batches", "use nats-server 2.14 or later"}
	}
	return s, nil
}

// migrated is a stream's configuration with all that chiru sets in it as it is wanted, and what that changes, for the log. What
// somebody else has set besides, as placement, stays.
func migrated(have, want jetstream.StreamConfig) (next jetstream.StreamConfig, changed []any) {
	next = have
	set := func(name string, differs bool, before, now any, apply func()) {
		if differs {
			changed = append(changed, name, now, name+"_before", before)
			apply()
		}
	}
	set("max_age", have.MaxAge != want.MaxAge, have.MaxAge, want.MaxAge, func() { next.MaxAge = want.MaxAge })
	set("max_bytes", have.MaxBytes != want.MaxBytes, have.MaxBytes, want.MaxBytes, func() { next.MaxBytes = want.MaxBytes })
	set("replicas", have.Replicas != want.Replicas, have.Replicas, want.Replicas, func() { next.Replicas = want.Replicas })
	set("subjects", !slices.Equal(have.Subjects, want.Subjects), have.Subjects, want.Subjects, func() { next.Subjects = want.Subjects })
	set("duplicates", have.Duplicates != want.Duplicates, have.Duplicates, want.Duplicates, func() { next.Duplicates = want.Duplicates })
	set("discard", have.Discard != want.Discard, have.Discard, want.Discard, func() { next.Discard = want.Discard })
	set("direct_reads", have.AllowDirect != want.AllowDirect, have.AllowDirect, want.AllowDirect, func() { next.AllowDirect = want.AllowDirect })
	set("batches", want.AllowBatchPublish && !have.AllowBatchPublish, have.AllowBatchPublish, want.AllowBatchPublish, func() { next.AllowBatchPublish = true })
	set("lifetimes", want.AllowMsgTTL && !have.AllowMsgTTL, have.AllowMsgTTL, want.AllowMsgTTL, func() { next.AllowMsgTTL = true })
	set("markers_last", have.SubjectDeleteMarkerTTL != want.SubjectDeleteMarkerTTL, have.SubjectDeleteMarkerTTL, want.SubjectDeleteMarkerTTL,
		func() { next.SubjectDeleteMarkerTTL = want.SubjectDeleteMarkerTTL })
	return next, changed
}

// ours refuses a stream that is somebody else's, or of a format that this chiru does not know.
func (f *fleet) ours(have jetstream.StreamConfig) error {
	what := "stream " + have.Name
	format, known := have.Metadata[metaFormat]
	switch {
	case !known:
		return &SetupError{what, "it is there, and not chiru's", "give the fleet another name, or remove the stream"}
	case format != strconv.Itoa(Format):
		return &SetupError{what, fmt.Sprintf("it has format %s; this chiru knows %d", format, Format), "run the chiru that made it, or a newer one"}
	case have.Metadata[metaBot] != f.bot:
		return &SetupError{what, "it is another bot's", "give each bot's fleet its own name (--name); chiru run --sim is a bot too"}
	}
	return nil
}

// explain tells failures that stay from those that pass.
func (f *fleet) explain(want jetstream.StreamConfig, err error) error {
	if err == nil {
		return nil
	}
	what := "stream " + want.Name
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return &SetupError{what, err.Error(), "start nats-server with JetStream (-js), or use the embedded one"}
	case errors.Is(err, nats.ErrPermissionViolation):
		return &SetupError{what, err.Error(), "the NATS user needs the permissions of a daemon"}
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case codeSubjectsOverlap:
			return &SetupError{what, "another stream has its subjects: " + api.Description, "give the fleet another name"}
		case codeReplicasNotSupported:
			return &SetupError{what, api.Description, "a server on its own holds one replica"}
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

const (
	codeSubjectsOverlap      = 10065
	codeReplicasNotSupported = 10074
)
