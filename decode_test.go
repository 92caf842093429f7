package chiru_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

type model struct {
	ID      string          `json:"id"`
	Content *string         `json:"content"`
	Tags    []string        `json:"tags,omitempty"`
	Nested  map[string]any  `json:"nested"`
	Raw     json.RawMessage `json:"raw"`
	Number  int64           `json:"number"`
	Any     any             `json:"any"`
	At      time.Time       `json:"timestamp"`
	Flake   chiru.Snowflake `json:"flake"`
	Embedded
}

// Embedded is exported so that both decoders reach its fields.
type Embedded struct {
	Deep struct{ X, Y float64 } `json:"deep"`
}

// Decode must read what encoding/json reads, to the same values.
func TestDecodeAgreesWithEncodingJSON(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 20})
		b := launch(t, s, nil)
		wait(3 * time.Minute)
		b.stop()
		bodies := [][]byte{
			[]byte(`null`), []byte(`{}`), []byte(`{"ID":"upper","iD":"mixed"}`), []byte(`{"id":"a","id":"b"}`),
			[]byte(`{"content":null,"tags":null,"nested":null,"raw":null}`), []byte(`{"number":1.5}`), []byte(`{"id":7}`),
			[]byte(`[]`), []byte(`{"id":"` + "\xff" + `"}`), []byte(`{"deep":{"x":1,"Y":2}}`), []byte(`{"any":[1,{"a":null}],"raw":{"x": 1 }}`),
			[]byte(`{`), []byte(``), []byte(`{"timestamp":"2026-01-02T03:04:05.678+00:00"}`), []byte(`{"timestamp":"soon"}`), []byte(`{"flake":12}`),
		}
		for _, d := range of[*chiru.Dispatch](b) {
			bodies = append(bodies, d.Body)
		}
		if len(bodies) < 1000 {
			t.Fatalf("only %d bodies", len(bodies))
		}
		for _, body := range bodies {
			var want model
			wantErr := json.Unmarshal(body, &want)
			got, err := chiru.Decode[model](&chiru.Dispatch{Type: "T", Body: body})
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%.200s: got error %v, encoding/json %v", body, err, wantErr)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "decode T") {
					t.Errorf("%v does not name the event", err)
				}
				continue
			}
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			if !bytes.Equal(a, b) {
				t.Fatalf("%.200s: got %s, encoding/json %s", body, a, b)
			}
		}
	})
}

func TestDecodeKeepsNoPartOfTheBody(t *testing.T) {
	body := []byte(`{"id":"abc","content":"def","raw":{"a":"b"},"nested":{"k":"v"},"any":"w","tags":["x"]}`)
	got, err := chiru.Decode[model](&chiru.Dispatch{Body: body})
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = '!'
	}
	after, err := json.Marshal(got)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("got %s, %v after the body has changed; before %s", after, err, before)
	}
}

// A decoder that follows them all runs out of stack, which ends the process.
func TestBodyOfBracketsIsRefused(t *testing.T) {
	const deep = 4 << 20
	for name, body := range map[string]string{
		"arrays":             strings.Repeat("[", deep),
		"objects":            strings.Repeat(`{"a":`, deep),
		"behind strings":     strings.Repeat(`["]]]]",`, deep),
		"behind a backslash": strings.Repeat(`["\\\"]]",`, deep),
		"of a field":         `{"unknown":` + strings.Repeat("[", deep),
	} {
		if _, err := chiru.Decode[model](&chiru.Dispatch{Type: "T", Body: []byte(body)}); err == nil || !strings.Contains(err.Error(), "depth") {
			t.Errorf("%s: got error %v, want one about the depth", name, err)
		}
	}
}

func TestLargeBodyThatIsNotDeepIsDecoded(t *testing.T) {
	body := `{"id":"a","any":[` + strings.Repeat(`{"\\":"[[["},`, 20_000) + `{}]}`
	got, err := chiru.Decode[model](&chiru.Dispatch{Type: "T", Body: []byte(body)})
	if list, _ := got.Any.([]any); err != nil || len(list) != 20_001 {
		t.Errorf("got %d values, %v", len(list), err)
	}
}

// The fast decoder knows no empty one.
func TestEmptyArrayIsDecodedIntoAGoArray(t *testing.T) {
	if got, err := chiru.Decode[[2]int](&chiru.Dispatch{Body: []byte("[]")}); err != nil || got != [2]int{} {
		t.Errorf("got %v, %v", got, err)
	}
}
