package gatewaytest

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// tape keeps every byte that a client is sent.
type tape struct {
	net.Conn
	bytes *bytes.Buffer
}

func (t tape) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.bytes.Write(p[:n])
	return n, err
}

// record plays the same client against a server of this seed, over two connections and some minutes, and returns
// every byte it was sent.
func record(t *testing.T, seed uint64, compress string) []byte {
	var all bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Config{Seed: seed, Guilds: 12, Outage: 0.3, Rate: 2, Mix: "every", ShuffleChunks: true})
		query := goodQuery
		if compress != "" {
			query += "&compress=" + compress
		}
		open := func(base string) *player {
			p := dial(t, s, base, query)
			synctest.Wait()
			early, _ := p.r.Peek(p.r.Buffered())
			all.Write(early)
			p.nc = tape{p.nc, &all}
			p.r.Reset(p.nc)
			go io.Copy(io.Discard, p.r)
			synctest.Wait()
			return p
		}
		p := open(s.URL())
		p.send(2, identity(s))
		synctest.Wait()
		// Beats fall between the events, so that no two things happen at one time.
		time.Sleep(30*time.Second + 1)
		for range 3 {
			p.send(1, 1)
			time.Sleep(s.cfg.HeartbeatInterval - 7*time.Microsecond)
		}
		p.send(8, obj{"guild_id": s.world.ids[4], "query": "", "limit": 0})
		time.Sleep(time.Second)
		s.Conns()[0].Cut()
		synctest.Wait()
		session := s.Sessions()[0]
		time.Sleep(20 * time.Second)
		p = open(s.ResumeURL())
		p.send(6, obj{"token": s.Token(), "session_id": session.ID, "seq": session.Seq})
		time.Sleep(33 * time.Second)
		p.send(1, session.Seq)
		time.Sleep(time.Minute / 2)
		p.nc.Close()
		synctest.Wait()
	})
	return all.Bytes()
}

func TestOneSeedMakesTheSameBytesAnotherDoesNot(t *testing.T) {
	for _, compress := range []string{"", compressZlib, compressZstd} {
		t.Run("compress="+compress, func(t *testing.T) {
			first := record(t, 7, compress)
			if len(first) < 100_000 {
				t.Fatalf("the client was sent %d bytes only", len(first))
			}
			for range 2 {
				again := record(t, 7, compress)
				if at := difference(first, again); at >= 0 {
					t.Fatalf("two runs with one seed: %d and %d bytes, the first difference at %d:\n%.100q\n%.100q", len(first), len(again), at, first[at:], again[at:])
				}
			}
			if other := record(t, 8, compress); difference(first, other) < 0 {
				t.Error("another seed: the same bytes")
			}
		})
	}
}

// difference is where two texts differ first, -1 if they do not.
func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
