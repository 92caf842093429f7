package main

import (
	"context"
	"encoding/json"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
	"github.com/chiru-go/chiru/fleet"
)

// publish stores the events that a node would have, with the same subjects, headers, ids and bounds, as one writes it with nats.go.
func publish(ctx context.Context, job client.Job, m *client.Meter, js jetstream.JetStream) error {
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{"chiru.bot.ev.>"}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld,
		MaxAge: 24 * time.Hour, MaxBytes: 8 << 30, Duplicates: 2 * time.Minute,
	})
	if err != nil {
		return err
	}
	made, err := makeEvents(job)
	if err != nil {
		return err
	}
	m.Ready()
	began := time.Now()
	for i := range job.Events {
		if job.Rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(i) / job.Rate * float64(time.Second)))))
		}
		if _, err := js.PublishMsgAsync(made.message(i), jetstream.WithRetryAttempts(0), jetstream.WithStallWait(answerWait)); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// events are made before the measuring. The bodies lie outside of the heap, or the collector would have less to do than in a process that
// gets them one by one.
type events struct {
	bodies []byte
	list   []event
}

type event struct {
	from, to int
	kind     *string
	guild    chiru.Snowflake
}

func makeEvents(job client.Job) (*events, error) {
	made := &events{list: make([]event, job.Events)}
	mix, kinds := stream.NewMix(job.Seed), map[string]*string{}
	at := 0
	for i := range made.list {
		e := mix.Next()
		if kinds[e.Type] == nil {
			kinds[e.Type] = &e.Type
		}
		var has struct {
			ID    chiru.Snowflake `json:"id"`
			Guild chiru.Snowflake `json:"guild_id"`
		}
		if err := json.Unmarshal(e.Body, &has); err != nil {
			return nil, err
		}
		if e.Type == "GUILD_CREATE" {
			has.Guild = has.ID
		}
		for at+len(e.Body) > len(made.bodies) {
			if err := made.grow(); err != nil {
				return nil, err
			}
		}
		made.list[i] = event{at, at + copy(made.bodies[at:], e.Body), kinds[e.Type], has.Guild}
		at = made.list[i].to
	}
	runtime.GC()
	return made, nil
}

const room = 32 << 20

func (e *events) grow() error {
	more, err := syscall.Mmap(-1, 0, len(e.bodies)+room, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	old := e.bodies
	copy(more, old)
	e.bodies = more
	if old == nil {
		return nil
	}
	return syscall.Munmap(old)
}

// message is an event as a node stores it.
func (e *events) message(i int) *nats.Msg {
	ev := e.list[i]
	seq := strconv.Itoa(stream.First + i)
	m := nats.NewMsg("chiru.bot.ev.0." + *ev.kind + "." + strconv.Itoa(fleet.PartitionOf(ev.guild)))
	m.Header.Set(nats.MsgIdHdr, stream.SessionID+":"+seq)
	m.Header.Set(fleet.HeaderGuild, ev.guild.String())
	m.Header.Set(fleet.HeaderFormat, strconv.Itoa(fleet.Format))
	m.Header.Set(fleet.HeaderFrame, "0123456789abcdef")
	m.Header.Set(fleet.HeaderSession, stream.SessionID)
	m.Header.Set(fleet.HeaderSequence, seq)
	m.Header.Set(fleet.HeaderResume, "ws://127.0.0.1")
	m.Header.Set(fleet.HeaderReceived, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
	m.Header.Set(fleet.HeaderEpoch, "1")
	m.Data = e.bodies[ev.from:ev.to]
	return m
}
