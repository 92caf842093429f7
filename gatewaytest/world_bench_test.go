package gatewaytest

import (
	"testing"
	"time"
)

func BenchmarkWorldNext(b *testing.B) {
	w := newWorld(worldConfig{Seed: 1, Guilds: 100})
	for _, id := range w.guildIDs() {
		w.guild(id)
	}
	now := worldTestStart
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(50 * time.Microsecond)
		size += len(w.next(now).Body)
	}
	b.ReportMetric(float64(size)/float64(b.N), "body-B/op")
}

func BenchmarkWorldNew(b *testing.B) {
	for b.Loop() {
		w := newWorld(worldConfig{Seed: 1, Guilds: 10})
		for _, id := range w.guildIDs() {
			w.guild(id)
		}
	}
}

func BenchmarkWorldGuildCreate(b *testing.B) {
	w := newWorld(worldConfig{Seed: 1, Guilds: 10})
	for b.Loop() {
		b.SetBytes(int64(len(w.guildCreate(w.ids[3], worldEveryIntent, 50))))
	}
}
