package inflate

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Every run decompresses the same connection from its start, so that the figures include the window growing full.
func benchmarkPush(b *testing.B, mode Mode, size, count int) {
	rnd := rand.New(rand.NewPCG(30, 1))
	s := newZlibSender(b, 6)
	if mode == Zstd {
		s = newZstdSender(b)
	}
	var msgs [][]byte
	for range count {
		msgs = append(msgs, s.send(b, payload(rnd, size)))
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += count {
		f := New(mode, testLimit)
		for _, m := range msgs[:min(count, b.N-done)] {
			if _, ok, err := f.Push(m); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
		f.Close()
	}
}

func BenchmarkPush(b *testing.B) {
	for _, size := range []int{200, 1100, 100_000} {
		b.Run(fmt.Sprintf("zlib/%d", size), func(b *testing.B) { benchmarkPush(b, Zlib, size, 20_000_000/(size+1000)) })
		b.Run(fmt.Sprintf("zstd/%d", size), func(b *testing.B) { benchmarkPush(b, Zstd, size, 20_000_000/(size+1000)) })
	}
}

// B/op is the memory of one connection after its first message.
func BenchmarkFirstMessage(b *testing.B) {
	zl, zs := newZlibSender(b, 6).send(b, []byte("hello")), newZstdSender(b).send(b, []byte("hello"))
	for mode, msg := range map[string][]byte{"zlib": zl, "zstd": zs} {
		b.Run(mode, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f := New(map[string]Mode{"zlib": Zlib, "zstd": Zstd}[mode], testLimit)
				if _, ok, err := f.Push(msg); !ok || err != nil {
					b.Fatal(ok, err)
				}
				f.Close()
			}
		})
	}
}
