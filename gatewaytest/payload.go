package gatewaytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Opcodes, docs /topics/opcodes-and-status-codes#gateway-gateway-opcodes.
const (
	opDispatch       = 0
	opHeartbeat      = 1
	opIdentify       = 2
	opPresence       = 3
	opVoiceState     = 4
	opResume         = 6
	opReconnect      = 7
	opRequestMembers = 8
	opInvalidSession = 9
	opHello          = 10
	opHeartbeatACK   = 11
	opSoundboard     = 31
	opChannelInfo    = 43
)

// sendable says whether a client may send op.
func sendable(op int) bool {
	switch op {
	case opHeartbeat, opIdentify, opPresence, opVoiceState, opResume, opRequestMembers, opSoundboard, opChannelInfo:
		return true
	}
	return false
}

// maxPayload is docs /events/gateway#sending-events.
const maxPayload = 4096

// fields is a JSON object; names match exactly, as they do at Discord.
type fields map[string]json.RawMessage

func parseFields(b []byte) (fields, bool) {
	var f fields
	if json.Unmarshal(b, &f) != nil {
		return nil, false
	}
	return f, f != nil
}

// null says whether the field is absent or null.
func (f fields) null(name string) bool { return isNull(f[name]) }

func (f fields) text(name string) (string, bool) {
	var v *string
	if json.Unmarshal(f[name], &v) != nil || v == nil {
		return "", false
	}
	return *v, true
}

func (f fields) integer(name string) (int64, bool) { return integer(f[name]) }

func (f fields) boolean(name string) (value, ok bool) {
	switch string(bytes.TrimSpace(f[name])) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// id reads a snowflake: a string of digits, or a number.
func (f fields) id(name string) (uint64, bool) { return snowflakeOf(f[name]) }

func snowflakeOf(b json.RawMessage) (uint64, bool) {
	t := string(bytes.Trim(bytes.TrimSpace(b), `"`))
	v, err := strconv.ParseUint(t, 10, 64)
	return v, err == nil
}

func integer(b json.RawMessage) (int64, bool) {
	v, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return v, err == nil
}

func isNull(b json.RawMessage) bool {
	b = bytes.TrimSpace(b)
	return len(b) == 0 || string(b) == "null"
}

// parsePayload reads one client payload.
func parsePayload(b []byte) (op int, d json.RawMessage, err error) {
	f, ok := parseFields(b)
	if !ok {
		return 0, nil, errors.New("not a JSON object")
	}
	n, ok := f.integer("op")
	if !ok {
		return 0, nil, fmt.Errorf("op is %q, not an integer", f["op"])
	}
	if int64(int32(n)) != n {
		n = -1 << 31
	}
	return int(n), f["d"], nil
}

// mustJSON encodes what a test passes in; nil is null.
func mustJSON(v any) json.RawMessage {
	if raw, ok := v.(json.RawMessage); ok && raw != nil {
		return raw
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("gatewaytest: " + err.Error())
	}
	return b
}

// appendPayload appends a payload that is no dispatch, in the key order Discord uses.
func appendPayload(dst []byte, op int, d json.RawMessage) []byte {
	dst = append(dst, `{"t":null,"s":null,"op":`...)
	dst = strconv.AppendInt(dst, int64(op), 10)
	dst = append(dst, `,"d":`...)
	dst = append(dst, d...)
	return append(dst, '}')
}

func appendDispatch(dst []byte, seq int64, typ string, d json.RawMessage) []byte {
	dst = append(dst, `{"t":`...)
	dst = append(dst, mustJSON(typ)...)
	dst = append(dst, `,"s":`...)
	dst = strconv.AppendInt(dst, seq, 10)
	dst = append(dst, `,"op":0,"d":`...)
	dst = append(dst, d...)
	return append(dst, '}')
}
