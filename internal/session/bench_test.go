package session

import (
	"testing"
	"time"
)

// BenchmarkDispatch judges the next dispatch of a live session: by the way that nearly all take, and by the one that takes any.
func BenchmarkDispatch(b *testing.B) {
	now := time.Now()
	b.Run("follow", func(b *testing.B) {
		m := machines(now)["live"]
		b.ReportAllocs()
		for b.Loop() {
			if !m.Follow(m.session.Seq+1, "MESSAGE_CREATE") {
				b.Fatal("not followed")
			}
		}
	})
	b.Run("receive", func(b *testing.B) {
		m := machines(now)["live"]
		b.ReportAllocs()
		for b.Loop() {
			if e := m.Receive(now, Message{Type: "MESSAGE_CREATE", Seq: m.session.Seq + 1}); !e.Deliver {
				b.Fatal("not delivered")
			}
		}
	})
}
