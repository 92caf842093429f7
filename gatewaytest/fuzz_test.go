package gatewaytest

import (
	"bufio"
	"bytes"
	"testing"
	"time"
)

// FuzzFrames: whatever bytes come, the frame reader ends with an error and keeps to its bounds.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0x81, 0x82, 1, 2, 3, 4, '{' ^ 1, '}' ^ 2})
	f.Add([]byte{0x01, 0x80, 0, 0, 0, 0, 0x80, 0x80, 0, 0, 0, 0})
	f.Add([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8})
	f.Add([]byte{0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := frameReader{r: bufio.NewReader(bytes.NewReader(b))}
		for total := 0; ; {
			typ, p, err := r.next()
			if err != nil {
				return
			}
			if typ == frameClose {
				closeCode(p)
			}
			if total += len(p) + 2; total > len(b) {
				t.Fatalf("%d bytes of payload out of %d", total, len(b))
			}
		}
	})
}

// FuzzClient: whatever a client sends, the server answers without a panic, and sends no event twice.
func FuzzClient(f *testing.F) {
	f.Add([]byte(`{"op":1,"d":1}` + "\n" + `{"op":3,"d":{"since":null,"activities":[],"status":"idle","afk":false}}`))
	f.Add([]byte(`{"op":8,"d":{"guild_id":"1","query":"","limit":0,"nonce":"x"}}` + "\n" + `{"op":4,"d":{"guild_id":1,"channel_id":null,"self_mute":true,"self_deaf":false}}`))
	f.Add([]byte(`{"op":31,"d":{"guild_ids":["1",2]}}` + "\n" + `{"op":43,"d":{"guild_id":"1","fields":["status"]}}`))
	f.Add([]byte(`{"op":2,"d":{"shard":[0,0]}}` + "\n" + `{"op":6,"d":{"seq":-1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewMemoryServer(Config{Guilds: 1, Members: 5})
		defer s.Close()
		p, _ := login(t, s)
		for line := range bytes.Lines(b) {
			p.frame(0x81, bytes.TrimSuffix(line, []byte("\n")))
		}
		p.send(1, nil)
		p.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		for seq := int64(1); ; {
			m := p.next()
			if m.err != nil || m.close != 0 || m.Op == 11 {
				return
			}
			if m.S != nil {
				if seq++; *m.S != seq {
					t.Fatalf("got %v, want s %d", m, seq)
				}
			}
		}
	})
}

// FuzzChaosSpec: whatever a spec says, it is refused, or read into faults that can happen.
func FuzzChaosSpec(f *testing.F) {
	f.Add("seed=7")
	f.Add("all,seed=1,every=5m,early=0.5,bomb=100")
	f.Add("gentle,cut@replay+live,op7@hello*2,close-4004*1")
	f.Add("cut@,eof*,=,@,*,,seed=-1,every=1h1h,early=1e-400")
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := parseChaos(text)
		if err != nil {
			if len(err.Error()) > 400 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if spec.every < 10*time.Millisecond || spec.every > 24*time.Hour || !(spec.early >= 0 && spec.early <= 1) || spec.bomb < 1 {
			t.Errorf("%q: every %v, early %v, bomb %d", text, spec.every, spec.early, spec.bomb)
		}
		for _, w := range spec.wishes {
			if w.at == 0 || w.at&^w.fault.at != 0 || w.left == 0 || w.cards(stageHello) < 1 {
				t.Errorf("%q: %s at %b, %d times", text, w.fault.name, w.at, w.left)
			}
		}
	})
}
