package chiru

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"

	"github.com/segmentio/encoding/json"
)

// Decode reads a dispatch's body into a type of any model library, as encoding/json would, but several times as fast. It keeps no part of
// the body. Inside of a Go array, which is not a slice, it may take broken text for whole. Any number of goroutines may call it.
func Decode[T any](d *Dispatch) (T, error) {
	var v T
	if !deep(d.Body) && json.Unmarshal(d.Body, &v) == nil {
		return v, nil
	}
	// What the fast decoder refuses, or would follow too deep, encoding/json has the last word on.
	var last T
	if err := stdjson.Unmarshal(d.Body, &last); err != nil {
		return last, fmt.Errorf("decode %s: %w", d.Type, err)
	}
	return last, nil
}

// deepMost is encoding/json's own limit. The fast decoder has none, and would follow a body of brackets until no stack is left.
const deepMost = 10_000

// deep says whether values are nested too deep.
func deep(body []byte) bool {
	if bytes.Count(body, []byte{'['})+bytes.Count(body, []byte{'{'}) <= deepMost {
		return false // as nearly all, at a few ns
	}
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '[', '{':
			if depth++; depth > deepMost {
				return true
			}
		case ']', '}':
			depth--
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		}
	}
	return false
}
