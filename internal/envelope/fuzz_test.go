package envelope

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"testing"
)

// reference is what encoding/json makes of a valid message. A map, since struct fields would match names of any case.
func reference(t *testing.T, msg []byte) (map[string]json.RawMessage, Envelope) {
	t.Helper()
	e := Envelope{Op: NoOp, Seq: NoSeq}
	var m map[string]json.RawMessage
	if bytes.TrimLeft(msg, " \t\r\n")[0] != '{' {
		return nil, e
	}
	if err := json.Unmarshal(msg, &m); err != nil {
		t.Fatal(err)
	}
	if n, ok := wholeNumber(m["op"]); ok && n >= 0 && n <= math.MaxInt {
		e.Op = int(n)
	}
	if n, ok := wholeNumber(m["s"]); ok && n >= 0 {
		e.Seq = n
	}
	var s *string
	if len(m["t"]) <= maxText && json.Unmarshal(m["t"], &s) == nil && s != nil {
		e.Type = []byte(*s)
	}
	if d, ok := m["d"]; ok {
		e.Data = d
	}
	return m, e
}

func wholeNumber(v json.RawMessage) (int64, bool) {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return 0, false
	}
	// 5 bytes of exponent at most, since big.Rat writes it out.
	if i := bytes.IndexAny(v, "eE"); i >= 0 && len(v)-i > 6 {
		return integer(v)
	}
	r, ok := new(big.Rat).SetString(string(v))
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"t":"READY","s":1,"op":0,"d":{"v":10,"session_id":"abc"}}`), "session_id")
	f.Add([]byte(`{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250.0}}`), "heartbeat_interval")
	f.Fuzz(func(t *testing.T, msg []byte, name string) {
		msg = bytes.Clone(msg)[:len(msg):len(msg)]
		before := bytes.Clone(msg)
		e, err := Parse(msg)
		text, isText := String(msg, name)
		n, isInt := Int(msg, name)
		String(e.Data, name)
		if !bytes.Equal(msg, before) {
			t.Fatal("the message was modified")
		}
		if err != nil && (e.Op != NoOp || e.Seq != NoSeq || e.Type != nil || e.Data != nil) {
			t.Fatalf("got %s beside error %v", show(e), err)
		}
		if !json.Valid(msg) {
			return
		}
		if err != nil {
			t.Fatalf("valid JSON: got %v", err)
		}
		members, want := reference(t, msg)
		if show(e) != show(want) {
			t.Fatalf("got  %s\nwant %s", show(e), show(want))
		}
		if head, ok := Head(msg); ok && !twice(msg) && (head.Op != e.Op || head.Seq != e.Seq || !bytes.Equal(head.Type, e.Type)) {
			t.Fatalf("the head is %s, the whole %s", show(head), show(e))
		}
		if !plain([]byte(name)) || len(name) > maxText/8 {
			return
		}
		var s *string
		wantIsText := len(members[name]) <= maxText && json.Unmarshal(members[name], &s) == nil && s != nil
		if isText != wantIsText || isText && text != *s {
			t.Fatalf("String(%q): got %q, %v, want %v", name, text, isText, wantIsText)
		}
		if wantN, ok := wholeNumber(members[name]); n != wantN || isInt != ok {
			t.Fatalf("Int(%q): got %d, %v, want %d, %v", name, n, isInt, wantN, ok)
		}
	})
}

func FuzzAppend(f *testing.F) {
	f.Add(1, []byte("null"))
	f.Add(31, []byte(`{"guild_ids":["1"]}`))
	f.Fuzz(func(t *testing.T, op int, data []byte) {
		if !json.Valid(data) {
			return
		}
		msg := Append(nil, op, data)
		if !json.Valid(msg) {
			t.Fatalf("got %s, want valid JSON", msg)
		}
		e, err := Parse(msg)
		wantOp := max(op, NoOp)
		if want := bytes.Trim(data, " \t\r\n"); err != nil || e.Op != wantOp || !bytes.Equal(e.Data, want) {
			t.Fatalf("got %s, err=%v, want op=%d d=%s", show(e), err, wantOp, want)
		}
	})
}

// twice reports whether a name of the envelope's stands in an object more than once.
func twice(msg []byte) bool {
	seen := map[string]bool{}
	m, _ := object(msg)
	for m.next() {
		if seen[string(m.name)] {
			return true
		}
		seen[string(m.name)] = true
	}
	return false
}
