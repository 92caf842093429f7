package main

import (
	"testing"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/bench/stream"
)

// BenchmarkDecode is one event of the mix, decoded.
func BenchmarkDecode(b *testing.B) {
	mix := stream.NewMix(1)
	events := make([]chiru.Dispatch, 5000)
	total := 0
	for i := range events {
		e := mix.Next()
		events[i] = chiru.Dispatch{Type: e.Type, Body: append([]byte(nil), e.Body...)}
		total += len(e.Body)
	}
	b.ReportAllocs()
	b.SetBytes(int64(total / len(events)))
	i := 0
	for b.Loop() {
		if _, err := witness(&events[i%len(events)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
