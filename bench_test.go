package chiru_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// BenchmarkRun measures a dispatch of 1.5 KB from the server's end of a socket in memory to the
// consumer, the server's work included.
func BenchmarkRun(b *testing.B) {
	body := map[string]string{"content": strings.Repeat("chiru ", 250)}
	for _, c := range []chiru.Compression{chiru.CompressionNone, chiru.CompressionZlibStream, chiru.CompressionZstdStream} {
		for name, filter := range map[string]func(string) bool{"delivered": nil, "filtered": func(string) bool { return false }} {
			b.Run(c.String()+"/"+name, func(b *testing.B) {
				s := gatewaytest.NewMemoryServer(gatewaytest.Config{ReplayEvents: 1 << 20, Record: 1})
				defer s.Close()
				ctx, cancel := context.WithCancel(b.Context())
				inbound := make(chan chiru.IncomingEvent, 64)
				stats := new(chiru.Stats)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					_ = chiru.Run(ctx, chiru.Config{
						URL: s.URL(), Token: s.Token(), HTTPClient: s.Client(),
						Compression: c, Filter: filter, Stats: stats,
					}, nil, inbound)
				}()
				wanted := func(event chiru.IncomingEvent) bool {
					d, ok := event.(*chiru.Dispatch)
					return ok && (d.Type == "READY" || d.Type == "EVENT")
				}
				for !wanted(<-inbound) {
				}
				b.SetBytes(int64(len(body["content"])))
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					s.Dispatch(0, "EVENT", body)
				}
				if filter == nil {
					for range b.N {
						for !wanted(<-inbound) {
						}
					}
				} else {
					for stats.Snapshot().Filtered < int64(b.N) {
						select {
						case <-inbound:
						default:
						}
					}
				}
				b.StopTimer()
				cancel()
				<-ended
			})
		}
	}
}
