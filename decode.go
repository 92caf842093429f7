package chiru

import (
	"fmt"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Decode reads a dispatch's body into a type of any model library, as encoding/json would, but
// faster. It keeps no part of the body. Any number of goroutines may call it.
func Decode[T any](d *Dispatch) (T, error) {
	var v T
	if err := json.Unmarshal(d.Body, &v, jsonv1.DefaultOptionsV1()); err != nil {
		return v, fmt.Errorf("decode %s: %w", d.Type, err)
	}
	return v, nil
}
