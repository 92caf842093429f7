package chiru_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// raw sends one frame to a live shard, and checks that it lives on, on the same connection or a resumed session.
func afterFrame(t *testing.T, frame string, check func(*testing.T, *gatewaytest.Server, *bot)) {
	t.Helper()
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.Conns()[0].SendRaw([]byte(frame))
		wait(time.Minute)
		b.mustBeLive()
		if n := len(readies(b)); n != 1 {
			t.Errorf("got %d READYs, want the session kept", n)
		}
		check(t, s, b)
		b.stop()
	})
}

func TestUnknownPayloadsChangeNothing(t *testing.T) {
	for _, frame := range []string{
		`{"op":12}`, `{"op":5,"d":{}}`, `{"op":99,"d":[1]}`, `{"op":-3}`, `{"op":"1"}`, `{"op":1.5}`, `{"op":1e40}`, `{"op":null}`,
		`{}`, `null`, `[]`, `17`, `"text"`, `true`, `{"d":{"op":7}}`, ` {"t":null,"s":null,"d":{"x":{"op":9}},"op":30,"extra":[{}]} `,
		`{"op":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
	} {
		t.Run(frame[:min(len(frame), 40)], func(t *testing.T) {
			afterFrame(t, frame, func(t *testing.T, s *gatewaytest.Server, b *bot) {
				if s.Accepted() != 1 {
					t.Errorf("it cost the connection\n%s", b.history())
				}
				if got := b.stats.Snapshot().Ignored; got != 1 {
					t.Errorf("Stats counts %d ignored payloads, want 1", got)
				}
				b.checkLedger()
			})
		})
	}
}

func TestOddDispatchesAreDeliveredRaw(t *testing.T) {
	for _, c := range []struct {
		frame, wantType, wantBody string
		sequence                  int64
	}{
		{`{"op":0,"t":"MADE_UP","s":5000,"d":null}`, "MADE_UP", `null`, 5000},
		{`{"op":0,"t":"MADE_UP","s":5000,"d":[1, 2]}`, "MADE_UP", `[1, 2]`, 5000},
		{`{"d":{"op":7,"t":"x","s":1},"s":5000,"op":0,"t":"MADE_UP"}`, "MADE_UP", `{"op":7,"t":"x","s":1}`, 5000},
		{`{"op":0,"t":"MADE_UP","s":5000}`, "MADE_UP", ``, 5000},
		{`{"op":0,"t":null,"s":5000,"d":"x"}`, "", `"x"`, 5000},
		{`{"op":0,"t":7,"s":5000,"d":7}`, "", `7`, 5000},
		{`{"op":0,"t":"RATE_LIMITED","s":null,"d":{"opcode":8}}`, "RATE_LIMITED", `{"opcode":8}`, chiru.NoSequence},
		{`{"op":0,"t":"MADE_UP","s":"12","d":{}}`, "MADE_UP", `{}`, chiru.NoSequence},
		{`{"op":0,"t":"MADE_UP","s":-4,"d":{}}`, "MADE_UP", `{}`, chiru.NoSequence},
		{`{"op":0,"t":"A\u0042C","s":5000,"d":{}}`, "ABC", `{}`, 5000},
	} {
		t.Run(c.frame, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, nil)
				wait(time.Minute)
				s.Conns()[0].SendRaw([]byte(c.frame))
				wait(time.Second)
				b.mustBeLive()
				all := of[*chiru.Dispatch](b)
				d := all[len(all)-1]
				if d.Type != c.wantType || string(d.Body) != c.wantBody || d.Sequence != c.sequence {
					t.Errorf("got %q, %d, %s; want %q, %d, %s", d.Type, d.Sequence, d.Body, c.wantType, c.sequence, c.wantBody)
				}
				b.stop()
			})
		})
	}
}

// docs /reference#consistency
func TestRepeatedAndOlderSequencesAreDroppedAndCounted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		for range 3 {
			s.Dispatch(0, "A", json.RawMessage(`{}`))
		}
		wait(time.Second)
		for _, seq := range []int{4, 3, 0, 1} {
			s.Conns()[0].SendRaw(fmt.Appendf(nil, `{"op":0,"t":"AGAIN","s":%d,"d":{}}`, seq))
		}
		s.Dispatch(0, "A", json.RawMessage(`{}`))
		wait(time.Second)
		if got := b.stats.Snapshot(); got.Duplicates != 4 || got.Sequence != 5 {
			t.Errorf("got %d duplicates and sequence %d, want 4 and 5", got.Duplicates, got.Sequence)
		}
		b.checkLedger()
		b.stop()
	})
}

func TestSkippedSequencesAreCountedAndLogged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		var log logBuffer
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Logger = log.logger() })
		wait(time.Minute)
		s.Conns()[0].SendRaw([]byte(`{"op":0,"t":"LATER","s":11,"d":{}}`))
		wait(time.Second)
		if got := b.stats.Snapshot(); got.Skipped != 9 || !strings.Contains(log.String(), "skipped") {
			t.Errorf("Stats counts %d skipped, want 9; the log says %s", got.Skipped, log.String())
		}
		b.stop()
	})
}

func TestTruncatedPayloadEndsTheConnectionAndIsResumed(t *testing.T) {
	for _, frame := range []string{`{"op":0,"t":"MESSAGE_CREATE","s":3,"d":{"a`, `{"op":11`, `garbage`, ``, "\x00\xff\xfe", `{}}`} {
		t.Run(frame, func(t *testing.T) {
			afterFrame(t, frame, func(t *testing.T, s *gatewaytest.Server, b *bot) {
				lost := of[*chiru.Disconnected](b)
				if len(lost) != 1 || s.Accepted() != 2 {
					t.Fatalf("got %d Disconnected and %d connections, want 1 and 2", len(lost), s.Accepted())
				}
				if e, ok := lost[0].Err.(*chiru.ProtocolError); !ok || lost[0].Next != chiru.NextResume {
					t.Errorf("got %v, %s; want a ProtocolError and a resume", e, lost[0].Next)
				}
				b.checkLedger()
			})
		})
	}
}

func TestCorruptCompressionEndsTheConnectionAndIsResumed(t *testing.T) {
	for _, c := range []chiru.Compression{chiru.CompressionZlibStream, chiru.CompressionZstdStream} {
		for _, junk := range [][]byte{{0, 0, 0xff, 0xff}, bytes.Repeat([]byte{0xaa}, 1000), append(bytes.Repeat([]byte{0x55}, 50), 0, 0, 0xff, 0xff)} {
			t.Run(fmt.Sprintf("%s %d", c, len(junk)), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
					b := launch(t, s, func(cfg *chiru.Config) { cfg.Compression = c })
					wait(2 * time.Minute)
					s.Conns()[0].SendBytes(junk)
					wait(5 * time.Minute)
					b.mustBeLive()
					if len(readies(b)) != 1 {
						t.Errorf("got %d READYs, want the session kept", len(readies(b)))
					}
					b.checkLedger()
					b.stop()
				})
			})
		}
	}
}

func TestMessageOverTheBoundEndsTheConnectionAndIsResumed(t *testing.T) {
	for _, c := range []chiru.Compression{chiru.CompressionNone, chiru.CompressionZlibStream, chiru.CompressionZstdStream} {
		t.Run(c.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, func(cfg *chiru.Config) { cfg.Compression, cfg.MaxMessage = c, 1<<16 })
				wait(2 * time.Minute)
				s.Conns()[0].SendRaw([]byte(`{"op":0,"t":"BOMB","s":2,"d":"` + strings.Repeat("A", 1<<20) + `"}`))
				wait(time.Minute)
				b.mustBeLive()
				lost := of[*chiru.Disconnected](b)
				if len(lost) != 1 || !strings.Contains(lost[0].Err.Error(), "65536") || len(readies(b)) != 1 {
					t.Errorf("got %v and %d READYs, want one loss naming the bound, and the session kept", lost, len(readies(b)))
				}
				b.stop()
			})
		})
	}
}
