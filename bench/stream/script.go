package stream

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/chiru-go/chiru/bench/proof"
)

// Plan says what the server sends on a connection, in order: Hello, READY or RESUMED, events, an op 7 if wanted, and
// acknowledgements. All connections of a plan get the same bytes, so that they are encoded once; that is why an
// acknowledgement comes only behind the events, and why all shards have one session id.
type Plan struct {
	Seed        uint64
	Compression string
	Events      int
	Period      int    // after so many events the same ones come again; 0: never
	Interval    int    // of heartbeats, in ms
	Resume      string // the resume URL in READY
	Resumed     bool   // RESUMED for READY
	Reconnect   bool   // op 7
	ACKs        int
}

// Entry is one message of a script.
type Entry struct {
	End     int64  // where its frame ends in the file
	Text    uint32 // bytes of the payload
	Body    uint32 // of which are d's
	Raw     uint64 // see package proof; only of events
	Witness uint64
}

// Script is a plan, encoded into a file.
type Script struct {
	Plan
	Path    string
	Entries []Entry
}

// First is the entry of the first event, whose sequence number is also 2: READY has 1.
const First = 2

// SessionID is that of every session.
const SessionID = "5d0c0ffee5d0c0ffee5d0c0ffee5d0c0"

// Totals are the sums over the first n events of a script.
type Totals struct {
	Events  int64  `json:"events"`
	Body    int64  `json:"body"`
	Text    int64  `json:"text"`
	Wire    int64  `json:"wire"`
	Raw     uint64 `json:"raw,string"`
	Witness uint64 `json:"witness,string"`
}

// Totals adds up the first n events.
func (s *Script) Totals(n int) Totals {
	t := Totals{Events: int64(n), Wire: s.Entries[First+n-1].End - s.Entries[First-1].End}
	for i, e := range s.Entries[First : First+n] {
		t.Body += int64(e.Body)
		t.Text += int64(e.Text)
		t.Raw += e.Raw
		t.Witness += uint64(First+i) * e.Witness
	}
	return t
}

// Encode writes a script into a folder, or finds it there.
func Encode(dir string, p Plan) (*Script, error) {
	name := fmt.Sprintf("%s-%d-%d-%d-%d-%t-%t-%d", p.Compression, p.Seed, p.Events, p.Period, p.Interval, p.Resumed, p.Reconnect, p.ACKs)
	s := &Script{Plan: p, Path: filepath.Join(dir, name+".frames")}
	index := filepath.Join(dir, name+".index")
	if s.read(index) == nil {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "tmp")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriterSize(f, 1<<20)
	err = s.encode(w)
	if err == nil {
		err = w.Flush()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(f.Name(), s.Path)
	}
	if err == nil {
		err = s.write(index)
	}
	return s, err
}

func (s *Script) encode(w io.Writer) error {
	enc, err := newEncoder(s.Compression)
	if err != nil {
		return err
	}
	at := int64(0)
	add := func(e Entry, text []byte) {
		n, werr := enc.write(w, text)
		if err == nil {
			err = werr
		}
		at += n
		e.End, e.Text = at, uint32(len(text))
		s.Entries = append(s.Entries, e)
	}
	add(Entry{}, fmt.Appendf(nil, `{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":%d,"_trace":["[\"bench\"]"]}}`, s.Interval))
	if s.Resumed {
		add(Entry{}, fmt.Appendf(nil, `{"t":"RESUMED","s":%d,"op":0,"d":{"_trace":[]}}`, First+s.Events))
	} else {
		add(Entry{}, ready(s.Resume))
	}
	mix := NewMix(s.Seed)
	var text []byte
	for i := range s.Events {
		if s.Period > 0 && i%s.Period == 0 {
			mix = NewMix(s.Seed)
		}
		ev := mix.Next()
		seq := int64(First + i)
		text = fmt.Appendf(text[:0], `{"t":"%s","s":%d,"op":0,"d":%s}`, ev.Type, seq, ev.Body)
		add(Entry{Body: uint32(len(ev.Body)), Raw: proof.Raw(seq, ev.Body), Witness: ev.Witness}, text)
	}
	if s.Reconnect {
		add(Entry{}, []byte(`{"t":null,"s":null,"op":7,"d":null}`))
	}
	for range s.ACKs {
		add(Entry{}, []byte(`{"t":null,"s":null,"op":11,"d":null}`))
	}
	return err
}

func ready(resume string) []byte {
	return fmt.Appendf(nil, `{"t":"READY","s":1,"op":0,"d":{"v":10,"user":{"verified":true,"username":"bench","mfa_enabled":true,"id":"170910216912470016",`+
		`"global_name":null,"flags":0,"email":null,"discriminator":"0","bot":true,"avatar":null},"session_type":"normal","session_id":"%s",`+
		`"resume_gateway_url":"%s","relationships":[],"private_channels":[],"presences":[],"guilds":[],"guild_join_requests":[],`+
		`"geo_ordered_rtc_regions":[],"auth":{},"application":{"id":"170910216912470016","flags":565248},"_trace":[]}}`, SessionID, resume)
}

func (s *Script) read(index string) error {
	b, err := os.ReadFile(index)
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.Path); err != nil {
		return err
	}
	s.Entries = make([]Entry, len(b)/binary.Size(Entry{}))
	_, err = binary.Decode(b, binary.LittleEndian, s.Entries)
	return err
}

func (s *Script) write(index string) error {
	b, err := binary.Append(nil, binary.LittleEndian, slices.Clip(s.Entries))
	if err != nil {
		return err
	}
	return os.WriteFile(index, b, 0o644)
}
