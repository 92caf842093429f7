package fleet

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/chiru-go/chiru"
)

// guildOf is the guild that an event is of, 0 if of none: the top-level guild_id, or the id of a guild object (docs
// /events/gateway-events). A nested guild_id may be another's, as of a message that is referred to.
func guildOf(eventType string, body []byte) chiru.Snowflake {
	key := "guild_id"
	switch eventType {
	case "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE":
		key = "id"
	}
	value, ok := topLevel(body, key)
	if !ok {
		return 0
	}
	id, err := strconv.ParseUint(strings.Trim(string(value), `"`), 10, 64)
	if err != nil {
		return 0
	}
	return chiru.Snowflake(id)
}

// topLevel finds the value of a key of a JSON object without decoding the rest. The text has been read as JSON before, or is
// found to have no such key.
func topLevel(text []byte, key string) ([]byte, bool) {
	depth, i := 0, 0
	isKey := false // the next string at depth 1 is a key
	for i < len(text) {
		switch c := text[i]; c {
		case '{', '[':
			depth++
			isKey = depth == 1 && c == '{'
			i++
		case '}', ']':
			depth--
			i++
		case ',':
			isKey = depth == 1
			i++
		case '"':
			end := stringEnd(text, i+1)
			if end < 0 {
				return nil, false
			}
			if isKey && string(text[i+1:end]) == key {
				return scalar(text, end+1)
			}
			isKey = false
			i = end + 1
		default:
			i++
		}
	}
	return nil, false
}

// stringEnd is where the closing quote of a string is, -1 if it has none.
func stringEnd(text []byte, from int) int {
	for {
		n := bytes.IndexByte(text[from:], '"')
		if n < 0 {
			return -1
		}
		end, slashes := from+n, 0
		for end-1-slashes >= from && text[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
		from = end + 1
	}
}

// scalar is the string or number after a colon.
func scalar(text []byte, from int) ([]byte, bool) {
	rest := bytes.TrimLeft(text[from:], " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return nil, false
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	end := bytes.IndexAny(rest, ",}] \t\r\n")
	if end < 0 {
		return nil, false
	}
	return rest[:end], true
}
