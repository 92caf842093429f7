package chiru_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/chiru-go/chiru"
)

// kinds has what a model library may have besides.
type kinds struct {
	model
	*Pointed
	Bytes  []byte                               `json:"bytes"`
	Small  uint8                                `json:"small"`
	Float  float32                              `json:"float"`
	ByInt  map[int]string                       `json:"by_int"`
	ByText map[netip.Addr]int                   `json:"by_text"`
	Quoted int                                  `json:"quoted,string"`
	Deep   **bool                               `json:"deeper"`
	Addr   netip.Addr                           `json:"addr"`
	Num    json.Number                          `json:"num"`
	List   []kinds                              `json:"list"`
	Iface  interface{ M() }                     `json:"iface"`
	Flakes map[chiru.Snowflake]*chiru.Snowflake `json:"flakes"`
}

type Pointed struct {
	P string `json:"p"`
}

// FuzzDecode holds Decode to encoding/json: the same values, and errors where that has some.
func FuzzDecode(f *testing.F) {
	for _, x := range []string{`{"id":"a","content":null,"tags":["x"],"nested":{"a":[1,2]},"raw":{},"number":1,"any":[],"timestamp":"2026-01-02T03:04:05.678+00:00","flake":"12","deep":{"x":1,"y":2}}`, `{"ID":"upper"}`, `{"bytes":"aGVsbG8=","small":255,"float":1e3,"by_int":{"1":"a"},"by_text":{"1.2.3.4":1},"quoted":"7","deeper":true,"addr":"::1","num":1.50,"list":[{"p":"x"}],"iface":null,"p":"y","flakes":{"1":"2","3":null}}`, `{"id":"\u00e9\ud83d\ude00"}`} {
		f.Add([]byte(x))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var want kinds
		wantErr := json.Unmarshal(body, &want)
		got, err := chiru.Decode[kinds](&chiru.Dispatch{Type: "T", Body: body})
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%.200s: got error %v, encoding/json %v", body, err, wantErr)
		}
		if err != nil {
			return
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Fatalf("%.200s: got %s, encoding/json %s", body, a, b)
		}
	})
}
