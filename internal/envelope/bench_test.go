package envelope

import (
	"fmt"
	"testing"
)

// message is a MESSAGE_CREATE of about size bytes, or a GUILD_CREATE made of such.
func message(size int) []byte {
	b := []byte(`{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"items":[`)
	for i := 0; ; i++ {
		b = fmt.Appendf(b, `{"id":"%d","type":0,"content":"a line of \"chat\" that somebody wrote","channel_id":"%d","author":{"username":"somebody","id":"%d","avatar":null,"bot":false},`+
			`"mentions":[],"timestamp":"2024-05-01T10:00:00.000000+00:00","pinned":false}`, int64(1100000000000000000)+int64(i), int64(1200000000000000000), int64(1300000000000000000)+int64(i))
		if len(b) >= size {
			return append(b, `]}}`...)
		}
		b = append(b, ',')
	}
}

func short() []byte {
	return []byte(`{"t":"TYPING_START","s":42,"op":0,"d":{"user_id":"1100000000000000000","timestamp":1714557600,"channel_id":"1200000000000000000","guild_id":"1300000000000000000","member":{"roles":["1400000000000000000"]}}}`)
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name string
		msg  []byte
	}{{"200B", short()}, {"1.5KB", message(1300)}, {"100KB", message(100_000)}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.msg)))
			b.ReportAllocs()
			for b.Loop() {
				if e, err := Parse(c.msg); err != nil || e.Op != 0 {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHead(b *testing.B) {
	msg := message(1300)
	b.ReportAllocs()
	for b.Loop() {
		if e, ok := Head(msg); !ok || e.Op != 0 {
			b.Fatal("not read")
		}
	}
}

func BenchmarkString(b *testing.B) {
	e, err := Parse(message(100_000))
	if err != nil {
		b.Fatal(err)
	}
	d := append(e.Data[:len(e.Data)-1:len(e.Data)-1], `,"session_id":"0123456789abcdef"}`...)
	b.SetBytes(int64(len(d)))
	b.ReportAllocs()
	for b.Loop() {
		if s, ok := String(d, "session_id"); !ok || len(s) != 16 {
			b.Fatal(s, ok)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	buf, d := make([]byte, 0, 64), []byte("251")
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], 1, d)
	}
}
