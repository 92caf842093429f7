package chiru

import (
	"bytes"
	"fmt"
	"strconv"
)

// Snowflake is one of Discord's ids (docs /reference#snowflakes). It is written to JSON as a string,
// and read from a string, a number, or null (which is 0).
type Snowflake uint64

// ParseSnowflake reads a decimal id.
func ParseSnowflake(s string) (Snowflake, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("chiru: %q is no snowflake", s)
	}
	return Snowflake(n), nil
}

func (s Snowflake) String() string { return strconv.FormatUint(uint64(s), 10) }

// MarshalJSON writes the id as a string: it does not fit a JSON number everywhere.
func (s Snowflake) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// UnmarshalJSON reads a string or a number (docs /reference#id-serialization).
func (s *Snowflake) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*s = 0
		return nil
	}
	parsed, err := ParseSnowflake(string(bytes.Trim(text, `"`)))
	if err == nil {
		*s = parsed
	}
	return err
}
