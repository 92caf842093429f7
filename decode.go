package chiru

import (
	"fmt"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// asEncodingJSON is what encoding/json does, without its check of the whole text before it begins.
var asEncodingJSON = json.JoinOptions(jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false))

// Decode reads a dispatch's body into a type of any model library, as encoding/json would, but
// faster. It keeps no part of the body. Any number of goroutines may call it.
func Decode[T any](d *Dispatch) (T, error) {
	var v T
	if err := json.Unmarshal(d.Body, &v, asEncodingJSON); err != nil {
		return v, fmt.Errorf("decode %s: %w", d.Type, err)
	}
	return v, nil
}
