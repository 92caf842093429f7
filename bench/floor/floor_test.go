package floor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chiru-go/chiru/bench/proof"
	"github.com/chiru-go/chiru/bench/stream"
)

func TestFloorsReadWhatWasGenerated(t *testing.T) {
	const n = 2000
	for _, mode := range []string{stream.None, stream.Payload, stream.Zlib, stream.Zstd} {
		script, err := stream.Encode(t.TempDir(), stream.Plan{Seed: 1, Compression: mode, Events: n, Interval: 1000, Resume: "ws://a", ACKs: 2})
		if err != nil {
			t.Fatal(err)
		}
		frames, err := os.ReadFile(script.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []Kind{Bare, Full, Reusing} {
			c := &Conn{kind: kind, mode: mode, in: bufio.NewReader(bytes.NewReader(frames))}
			mix := stream.NewMix(1)
			raw := uint64(0)
			for i := range script.Entries {
				e, err := c.Read()
				if err != nil {
					t.Fatalf("%s, message %d: %v", mode, i, err)
				}
				op, typ, seq := 0, "", int64(i)
				switch {
				case i == 0:
					op, seq = 10, 0
				case i == 1:
					typ = "READY"
				case i >= stream.First+n:
					op, seq = 11, 0
				default:
					want := mix.Next()
					typ = want.Type
					if !bytes.Equal(e.Body, want.Body) {
						t.Fatalf("%s, event %d is %.100q, want %.100q", mode, i, e.Body, want.Body)
					}
					raw += proof.Raw(e.Seq, e.Body)
				}
				if got := strings.TrimPrefix(string(e.Type), "null"); e.Op != op || got != typ || op == 0 && e.Seq != seq {
					t.Fatalf("%s, message %d is op %d, %q, %d, want op %d, %q, %d", mode, i, e.Op, got, e.Seq, op, typ, seq)
				}
				if !json.Valid(e.Body) {
					t.Fatalf("%s, message %d has the body %.100q", mode, i, e.Body)
				}
			}
			if want := script.Totals(n).Raw; raw != want {
				t.Errorf("%s: the sum is %d, want %d", mode, raw, want)
			}
		}
	}
}

func TestFullFloorGivesMemoryOfItsOwn(t *testing.T) {
	c := &Conn{kind: Full}
	first := c.own([]byte("first"))
	_ = append(first, "!!!!"...)
	second := c.own([]byte("second"))
	if string(first) != "first" || string(second) != "second" {
		t.Errorf("got %q and %q", first, second)
	}
}

func TestSkipFollowsStringsAndBrackets(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, `{"a":"}"}`, `{"a":"\""}`, `{"aaaaaaaaaaaaa":"bbbbbbb\\"}`, `[[{"\\\"]":[1,2]}],"]]]]]]]]]]]]]]]]]]"]`, `{"a":"12345678"}`,
	} {
		if end, err := skip([]byte(text + "}}")); err != nil || end != len(text) {
			t.Errorf("%s ends at %d (%v), want %d", text, end, err, len(text))
		}
	}
}

// A limit that takes more than 250 lines is no limit but a library.
func TestFloorIsShort(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				lines++
			}
		}
	}
	if lines > 250 {
		t.Errorf("the floor has %d lines of code, want 250 at most", lines)
	}
}
