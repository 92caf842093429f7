package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
)

// conn is one connection: this goroutine reads, and one more sends the script.
type conn struct {
	s       *server
	nc      net.Conn
	in      *bufio.Reader
	resumed bool
	bytes   int // until it is known whether this is a resume

	mu    sync.Mutex
	owed  int // acknowledgements
	acked int
	rest  *os.File // once the events are out: the script, for what follows them
	from  []stream.Entry
	at    int64
}

func (c *conn) run() {
	defer c.nc.Close()
	f, err := os.Open(c.s.script.Path)
	if err != nil {
		log.Print(err)
		return
	}
	defer f.Close()
	// Both scripts begin with the same Hello.
	hello := c.s.script.Entries[0].End
	if err := c.send(f, hello); err != nil {
		return
	}
	for {
		kind, text, err := c.frame()
		if err != nil {
			return
		}
		switch kind {
		case 8:
			c.nc.Write([]byte{0x88, byte(len(text))})
			c.nc.Write(text)
			return
		case 9:
			c.nc.Write([]byte{0x8a, byte(len(text))})
			c.nc.Write(text)
			continue
		case 10:
			continue
		}
		var p struct {
			Op int `json:"op"`
		}
		if err := json.Unmarshal(text, &p); err != nil {
			log.Printf("client sent %.100q", text)
			return
		}
		switch p.Op {
		case 1:
			time.AfterFunc(ackDelay, c.acknowledge)
		case 2:
			go c.play(f)
		case 6:
			c.resumed = true
			c.s.resumes.Add(1)
			c.count(c.bytes)
			if c.s.resume == nil {
				log.Print("a client lost its connection and resumes")
				return
			}
			g, err := os.Open(c.s.resume.Path)
			if err != nil {
				return
			}
			defer g.Close()
			g.Seek(hello, io.SeekStart)
			if c.send(g, c.s.resume.Entries[1].End-hello) != nil {
				return
			}
			c.follow(g, c.s.resume.Entries[stream.First+c.s.resume.Events:], c.s.resume.Entries[stream.First+c.s.resume.Events-1].End)
		}
	}
}

// play sends READY, the events, and an op 7 if that is in the script.
func (c *conn) play(f *os.File) {
	s := c.s.script
	if c.send(f, s.Entries[1].End-s.Entries[0].End) != nil {
		return
	}
	c.s.ready()
	if c.s.rate > 0 {
		if c.paced(f) != nil {
			return
		}
	} else if c.send(f, s.Entries[stream.First+c.s.events-1].End-s.Entries[stream.First-1].End) != nil {
		return
	}
	if c.s.events < s.Events {
		return // no acknowledgement follows here, but more events
	}
	next := stream.First + c.s.events
	if s.Reconnect {
		if c.send(f, s.Entries[next].End-s.Entries[next-1].End) != nil {
			return
		}
		next++
	}
	c.follow(f, s.Entries[next:], s.Entries[next-1].End)
}

// paced sends events at a rate, and notes when.
func (c *conn) paced(f *os.File) error {
	entries := c.s.script.Entries
	events := entries[stream.First : stream.First+c.s.events]
	from := entries[stream.First-1].End
	whole := make([]byte, events[len(events)-1].End-from)
	if _, err := io.ReadFull(f, whole); err != nil {
		return err
	}
	begin, base := time.Now(), from
	for i, e := range events {
		if wait := time.Until(begin.Add(time.Duration(float64(i) / c.s.rate * float64(time.Second)))); wait > 0 {
			time.Sleep(wait)
		}
		c.s.stamps[i].Store(time.Now().UnixNano())
		if _, err := c.nc.Write(whole[from-base : e.End-base]); err != nil {
			return err
		}
		from = e.End
	}
	return nil
}

// follow lets acknowledgements out, which follow the events in the script.
func (c *conn) follow(f *os.File, entries []stream.Entry, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest, c.from, c.at = f, entries, at
	for ; c.owed > 0; c.owed-- {
		c.next()
	}
}

func (c *conn) acknowledge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rest == nil {
		c.owed++
		return
	}
	c.next()
}

// next sends the next acknowledgement. Called with c.mu held.
func (c *conn) next() {
	if c.acked == len(c.from) {
		if len(c.from) > 0 {
			log.Print("no acknowledgement is left")
		}
		return
	}
	b := make([]byte, c.from[c.acked].End-c.at)
	if _, err := c.rest.ReadAt(b, c.at); err != nil {
		return
	}
	c.at = c.from[c.acked].End
	c.acked++
	c.count(len(b))
	c.nc.Write(b)
}

// send copies the next n bytes of a file: between a file and a socket that is sendfile.
func (c *conn) send(f *os.File, n int64) error {
	_, err := io.CopyN(c.nc, f, n)
	c.count(int(n))
	return err
}

// count takes bytes into the cost of resumes.
func (c *conn) count(n int) {
	if c.s.mode != client.Reconnect {
		return
	}
	if c.resumed {
		c.s.bytes.Add(int64(n))
	} else {
		c.bytes += n
	}
}

// frame reads one frame of a client: RFC 6455 section 5.2. Clients here send none that is fragmented.
func (c *conn) frame() (kind byte, text []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return 0, nil, err
	}
	n, length := int(head[1]&127), 2
	switch n {
	case 126:
		_, err = io.ReadFull(c.in, head[2:4])
		n, length = int(binary.BigEndian.Uint16(head[2:])), 4
	case 127:
		_, err = io.ReadFull(c.in, head[2:10])
		n, length = int(binary.BigEndian.Uint64(head[2:])), 10
	}
	if err != nil || n > 1<<16 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	text = make([]byte, 4+n)
	if _, err := io.ReadFull(c.in, text); err != nil {
		return 0, nil, err
	}
	mask, text := text[:4], text[4:]
	for i := range text {
		text[i] ^= mask[i&3]
	}
	c.count(length + 4 + n)
	return head[0] & 15, text, nil
}
