package chiru

import (
	"fmt"
	"math"
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
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	}
	// Most ids are read here: ParseSnowflake needs a string, and so an allocation for each.
	parsed := uint64(0)
	for _, c := range text {
		if c -= '0'; c > 9 || parsed > (math.MaxUint64-9)/10 {
			return s.parse(string(text))
		}
		parsed = parsed*10 + uint64(c)
	}
	if len(text) == 0 {
		return s.parse("")
	}
	*s = Snowflake(parsed)
	return nil
}

func (s *Snowflake) parse(text string) error {
	parsed, err := ParseSnowflake(text)
	if err == nil {
		*s = parsed
	}
	return err
}
