package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// vector is a document of testdata/hostile.json, which is sent to a live shard, too (TestHostileDocumentsEndNothing). It
// is one text, or bytes in base64, or parts that repeat. Error, op, s and t are what Parse makes of it.
type vector struct {
	Name, Text, Base64 string
	Parts              []struct {
		Text  string
		Times int
	}
	Error bool
	Op    *int
	S     *int64
	T     *string
}

func (v vector) document(t *testing.T) []byte {
	t.Helper()
	if v.Base64 != "" {
		b, err := base64.StdEncoding.DecodeString(v.Base64)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	doc := []byte(v.Text)
	for _, p := range v.Parts {
		doc = append(doc, strings.Repeat(p.Text, max(p.Times, 1))...)
	}
	return doc
}

func vectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/hostile.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil || len(all) < 150 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
}

func TestHostileDocumentsAreReadAsEncodingJSONReadsThem(t *testing.T) {
	names := map[string]bool{}
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			if names[v.Name] {
				t.Fatal("the name stands twice")
			}
			names[v.Name] = true
			doc := v.document(t)
			before := bytes.Clone(doc)
			e, err := Parse(doc)
			if (err != nil) != v.Error || !bytes.Equal(doc, before) {
				t.Fatalf("got error %v, want one: %v", err, v.Error)
			}
			if v.Op != nil && e.Op != *v.Op || v.S != nil && e.Seq != *v.S || v.T != nil && string(e.Type) != *v.T {
				t.Errorf("got %.300s, want op %v, s %v, t %v", show(e), value(v.Op), value(v.S), value(v.T))
			}
			if !json.Valid(doc) { // as is what nests deeper than 10,000 levels, for encoding/json
				return
			}
			if _, want := reference(t, doc); show(e) != show(want) {
				t.Errorf("got  %.300s\nwant %.300s", show(e), show(want))
			}
		})
	}
}

func value[T any](p *T) any {
	if p == nil {
		return "any"
	}
	return *p
}
