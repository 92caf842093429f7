// Command blaster is the server of the benchmarks: it sends scripts of package stream, which were encoded before, and
// answers what clients say just well enough. Its own cost is that of sendfile.
//
// It prints one JSON line, Ready, when it listens, and ends with its standard input.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
)

// Ready is what the blaster prints: where it is, and what each shard's events add up to.
type Ready struct {
	Host   string        `json:"host"`
	Totals stream.Totals `json:"totals"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("blaster: ")
	var o options
	var listen string
	flag.StringVar(&o.dir, "dir", ".streams", "where encoded streams are kept")
	flag.StringVar(&o.mode, "mode", client.Throughput, "throughput, idle, latency or reconnect")
	flag.StringVar(&o.compression, "compression", stream.None, "none, payload, zlib-stream or zstd-stream")
	flag.Uint64Var(&o.seed, "seed", 1, "of the mix")
	flag.IntVar(&o.made, "made", 100_000, "events in the stream")
	flag.IntVar(&o.period, "period", 0, "after how many events the same ones come again; 0: never")
	flag.IntVar(&o.events, "events", 100_000, "of them that are sent to each shard")
	flag.IntVar(&o.shards, "shards", 1, "that must be connected before events are sent")
	flag.Float64Var(&o.rate, "rate", 0, "events in a second; 0: as fast as the client reads")
	flag.StringVar(&listen, "listen", "127.0.0.1:0", "address")
	flag.Parse()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		log.Fatal(err)
	}
	s, err := newServer(o, l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(l, s.handler())) }()
	line, err := json.Marshal(Ready{l.Addr().String(), s.script.Totals(o.events)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
	io.Copy(io.Discard, os.Stdin)
	os.RemoveAll(s.temporary)
}
