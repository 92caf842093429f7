package envelope

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

func show(e Envelope) string {
	return fmt.Sprintf("op=%d s=%d t=%s d=%s", e.Op, e.Seq, part(e.Type), part(e.Data))
}

// part tells nil from empty.
func part(b []byte) string {
	if b == nil {
		return "nil"
	}
	return fmt.Sprintf("%q", b)
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, msg, want string }{
		{"dispatch", `{"t":"READY","s":1,"op":0,"d":{"v":10}}`, `op=0 s=1 t="READY" d="{\"v\":10}"`},
		{"hello", `{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}`, `op=10 s=-1 t=nil d="{\"heartbeat_interval\":41250}"`},
		{"only op", `{"op":11}`, `op=11 s=-1 t=nil d=nil`},
		{"null d", `{"op":7,"d":null}`, `op=7 s=-1 t=nil d="null"`},
		{"bool d", `{"op":9,"d":false}`, `op=9 s=-1 t=nil d="false"`},
		{"number d", `{"op":1,"d":251}`, `op=1 s=-1 t=nil d="251"`},
		{"string d", `{"d":"a\"]}","op":1}`, `op=1 s=-1 t=nil d="\"a\\\"]}\""`},
		{"d first", `{"d":[{"op":3},"}"],"op":4}`, `op=4 s=-1 t=nil d="[{\"op\":3},\"}\"]"`},
		{"space", " \t\r\n{ \"op\" : 0 , \"d\" : [ 1 , 2 ] \n, \"s\":\t7 } \n", `op=0 s=7 t=nil d="[ 1 , 2 ]"`},
		{"empty object", `{}`, `op=-1 s=-1 t=nil d=nil`},
		{"unknown names", `{"x":{"op":5},"op":1,"trace":["a"]}`, `op=1 s=-1 t=nil d=nil`},
		{"other case", `{"OP":1,"T":"X","S":1,"D":1,"Op":2}`, `op=-1 s=-1 t=nil d=nil`},
		{"last op", `{"op":1,"op":2}`, `op=2 s=-1 t=nil d=nil`},
		{"last of all", `{"s":1,"t":"A","d":1,"s":null,"t":null,"d":2}`, `op=-1 s=-1 t=nil d="2"`},
		{"last is unusable", `{"op":1,"s":1,"t":"A","op":"1","s":"1","t":1}`, `op=-1 s=-1 t=nil d=nil`},
		{"escaped names", `{"\u006fp":3,"\u0073":4,"\u0074":"X","\u0064":5,"o\u0070x":6}`, `op=3 s=4 t="X" d="5"`},
		{"escaped quote in a name", `{"op\"":3}`, `op=-1 s=-1 t=nil d=nil`},
		{"escaped type", `{"t":"\u0052EADY\n"}`, `op=-1 s=-1 t="READY\n" d=nil`},
		{"empty type", `{"t":""}`, `op=-1 s=-1 t="" d=nil`},
		{"type beyond ASCII", `{"t":"é"}`, `op=-1 s=-1 t="é" d=nil`},
		{"type not UTF-8", "{\"t\":\"a\xff\"}", "op=-1 s=-1 t=\"a\ufffd\" d=nil"},
		{"wrong types", `{"op":"0","s":{},"t":7,"d":""}`, `op=-1 s=-1 t=nil d="\"\""`},
		{"negative", `{"op":-1,"s":-5}`, `op=-1 s=-1 t=nil d=nil`},
		{"minus zero", `{"op":-0,"s":-0}`, `op=0 s=0 t=nil d=nil`},
		{"fraction", `{"op":0.5,"s":1.5}`, `op=-1 s=-1 t=nil d=nil`},
		{"whole in other words", `{"op":10.0,"s":1e3}`, `op=10 s=1000 t=nil d=nil`},
		{"largest s", `{"s":9223372036854775807}`, `op=-1 s=9223372036854775807 t=nil d=nil`},
		{"overflow", `{"op":9223372036854775808,"s":9223372036854775808}`, `op=-1 s=-1 t=nil d=nil`},
		{"top null", `null`, `op=-1 s=-1 t=nil d=nil`},
		{"top number", ` 3 `, `op=-1 s=-1 t=nil d=nil`},
		{"top array", `[{"op":1}]`, `op=-1 s=-1 t=nil d=nil`},
		{"top string", `"{\"op\":1}"`, `op=-1 s=-1 t=nil d=nil`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := Parse([]byte(c.msg))
			if got := show(e); err != nil || got != c.want {
				t.Fatalf("Parse(%s)\ngot  %s, err=%v\nwant %s", c.msg, got, err, c.want)
			}
		})
	}
}

func TestParseRefusesWhatIsNotOneValue(t *testing.T) {
	for _, c := range []struct{ msg, want string }{
		{``, `envelope: parse: JSON ends early, after 0 bytes`},
		{`  `, `envelope: parse: JSON ends early, after 2 bytes`},
		{`{`, `envelope: parse: JSON ends early, after 1 bytes`},
		{`{"op"`, `envelope: parse: JSON ends early, after 5 bytes`},
		{`{"op":`, `envelope: parse: JSON ends early, after 6 bytes`},
		{`{"op":1`, `envelope: parse: JSON ends early, after 7 bytes`},
		{`{"op":1,`, `envelope: parse: JSON ends early, after 8 bytes`},
		{`{"o`, `envelope: parse: JSON ends early, after 3 bytes`},
		{`{"o\`, `envelope: parse: JSON ends early, after 4 bytes`},
		{`{"d":"\"`, `envelope: parse: JSON ends early, after 8 bytes`},
		{`{"d":[{}`, `envelope: parse: JSON ends early, after 8 bytes`},
		{`{"d":[}`, `envelope: parse: JSON ends early, after 7 bytes`},
		{`{"d":["]}`, `envelope: parse: JSON ends early, after 9 bytes`},
		{`{"d":tru`, `envelope: parse: JSON ends early, after 8 bytes`},
		{`{"d":-`, `envelope: parse: JSON ends early, after 6 bytes`},
		{`{"op":1}}`, `envelope: parse: unexpected "}" at byte 8`},
		{`{"op":1}{"op":2}`, `envelope: parse: unexpected "{" at byte 8`},
		{`{"op":1,}`, `envelope: parse: unexpected "}" at byte 8`},
		{`{,"op":1}`, `envelope: parse: unexpected "," at byte 1`},
		{`{"op":1 "s":2}`, `envelope: parse: unexpected "\"" at byte 8`},
		{`{"op" 1}`, `envelope: parse: unexpected "1" at byte 6`},
		{`{"op":}`, `envelope: parse: unexpected "}" at byte 6`},
		{`{op:1}`, `envelope: parse: unexpected "o" at byte 1`},
		{`{"op":01}`, `envelope: parse: unexpected "1" at byte 7`},
		{`{"op":1.}`, `envelope: parse: unexpected "}" at byte 8`},
		{`{"op":1e}`, `envelope: parse: unexpected "}" at byte 8`},
		{`{"op":+1}`, `envelope: parse: unexpected "+" at byte 6`},
		{`{"op":NaN}`, `envelope: parse: unexpected "N" at byte 6`},
		{`{"d":nul}`, `envelope: parse: unexpected "}" at byte 8`},
		{`{"d":trueish}`, `envelope: parse: unexpected "i" at byte 9`},
		{`{"t":"\x"}`, `envelope: parse: unexpected "\"" at byte 5`},
		{`{"\x":1}`, `envelope: parse: unexpected "\"" at byte 1`},
		{`]`, `envelope: parse: unexpected "]" at byte 0`},
		{`1 2`, `envelope: parse: unexpected "2" at byte 2`},
		{"\xef\xbb\xbf{}", `envelope: parse: unexpected "\xef" at byte 0`},
		{"{\"op\":1}\x00", `envelope: parse: unexpected "\x00" at byte 8`},
	} {
		e, err := Parse([]byte(c.msg))
		if err == nil || err.Error() != c.want || e.Op != NoOp || e.Seq != NoSeq || e.Type != nil || e.Data != nil {
			t.Errorf("Parse(%q)\ngot  %s, err=%v\nwant an empty envelope and %s", c.msg, show(e), err, c.want)
		}
	}
}

func TestParseReturnsViews(t *testing.T) {
	msg := []byte(`{"t":"READY","op":0,"d":{"v":10}}`)
	e, err := Parse(msg)
	if err != nil {
		t.Fatal(err)
	}
	if &e.Type[0] != &msg[6] || &e.Data[0] != &msg[24] {
		t.Fatalf("got copies, want views: %s", show(e))
	}
	_ = append(e.Data, '!')
	if want := byte('}'); msg[len(msg)-1] != want {
		t.Fatalf("append to Data wrote into the message: got %q, want %q", msg[len(msg)-1], want)
	}
}

func TestParseEveryPrefixIsAnError(t *testing.T) {
	msg := []byte(`{"t":"A\u0042","s":12,"op":0,"d":{"a":[1,2.5e1,"x\\",true,null,{}],"b":"\"}"}}`)
	if _, err := Parse(msg); err != nil {
		t.Fatal(err)
	}
	for n := range len(msg) {
		// A copy without spare capacity, so that reading behind the end panics.
		if e, err := Parse(bytes.Clone(msg[:n])); err == nil {
			t.Fatalf("Parse(%s): got %s, want an error", msg[:n], show(e))
		}
	}
}

func TestStringsOfEveryLengthEndAtTheirQuote(t *testing.T) {
	for n := range 40 {
		for _, tail := range []string{"", `\"`, `\\`, `\\\"`, "\x21\x23\x5b\x5d", "\x80\xa2\xdc\xff"} {
			text := strings.Repeat("x", n) + tail
			msg := fmt.Sprintf(`{"d":"%s","op":4}`, text)
			e, err := Parse([]byte(msg))
			if want := `"` + text + `"`; err != nil || e.Op != 4 || string(e.Data) != want {
				t.Fatalf("Parse(%q): got %s, err=%v, want d=%q", msg, show(e), err, want)
			}
		}
	}
}

func TestDeepNestingIsNoRecursion(t *testing.T) {
	const depth = 10 << 20
	d := strings.Repeat("[", depth) + strings.Repeat("]", depth)
	e, err := Parse([]byte(`{"d":` + d + `,"op":1}`))
	if err != nil || e.Op != 1 || len(e.Data) != len(d) {
		t.Fatalf("got op=%d, %d bytes of d, err=%v, want op=1 and %d bytes", e.Op, len(e.Data), err, len(d))
	}
	if _, err := Parse([]byte(`{"d":` + d[1:] + `,"op":1}`)); err == nil {
		t.Fatal("got no error for a bracket too many")
	}
}

// Each of these is quadratic for a scanner that looks back or starts over: at 8 MiB hours, beyond the time limit of any test run.
func TestHostileShapesTakeLinearTime(t *testing.T) {
	const n = 8 << 20
	for name, msg := range map[string]string{
		"backslashes":   `{"d":"` + strings.Repeat(`\\`, n/2) + `"}`,
		"quotes":        `{"d":"` + strings.Repeat(`\"`, n/2) + `"}`,
		"open string":   `{"d":"` + strings.Repeat(`\"`, n/2),
		"open brackets": strings.Repeat(`{"":[`, n/5),
		"members":       `{` + strings.Repeat(`"op":1,`, n/7) + `"op":2}`,
		"escaped names": `{` + strings.Repeat(`"\u006fp":1,`, n/12) + `"op":2}`,
		"types":         `{` + strings.Repeat(`"t":"A",`, n/8) + `"op":2}`,
		"digits":        `{"op":` + strings.Repeat("9", n) + `}`,
		"zeros":         `{"op":1` + strings.Repeat("0", n) + `}`,
		"fraction":      `{"op":0.` + strings.Repeat("0", n) + `1}`,
		"exponent":      `{"op":1e` + strings.Repeat("9", n) + `}`,
		"space":         `{` + strings.Repeat(" ", n) + `}`,
	} {
		if e, _ := Parse([]byte(msg)); e.Op != NoOp && e.Op != 2 {
			t.Errorf("%s: got op=%d, want %d or 2", name, e.Op, NoOp)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		op   int
		data string
		want string
	}{
		{1, "251", `>{"op":1,"d":251}`},
		{1, "", `>{"op":1,"d":null}`},
		{31, `{"guild_ids":["1"]}`, `>{"op":31,"d":{"guild_ids":["1"]}}`},
		{-1, "null", `>{"op":-1,"d":null}`},
	} {
		if got := string(Append([]byte(">"), c.op, []byte(c.data))); got != c.want {
			t.Errorf("Append(%d, %q): got %s, want %s", c.op, c.data, got, c.want)
		}
	}
}

func TestStringAndIntPickTopLevelMembers(t *testing.T) {
	ready := []byte(`{"v":10,"guilds":[{"session_id":"no","v":1}],"session_id":"abc","user":{"v":2},` +
		`"resume_gateway_url":"wss:\/\/gateway-us-east1-b.discord.gg","esc\u0061ped":7,"n":null,"f":1.5,"big":1e3,"min":-9223372036854775808,"dup":1,"dup":"two"}`)
	for _, c := range []struct {
		name, want string
		ok         bool
	}{
		{"session_id", "abc", true},
		{"resume_gateway_url", "wss://gateway-us-east1-b.discord.gg", true},
		{"dup", "two", true},
		{"v", "", false},
		{"n", "", false},
		{"absent", "", false},
	} {
		if got, ok := String(ready, c.name); got != c.want || ok != c.ok {
			t.Errorf("String(%q): got %q, %v, want %q, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	for _, c := range []struct {
		name string
		want int64
		ok   bool
	}{
		{"v", 10, true},
		{"escaped", 7, true},
		{"big", 1000, true},
		{"min", math.MinInt64, true},
		{"f", 0, false},
		{"n", 0, false},
		{"dup", 0, false},
		{"session_id", 0, false},
		{"absent", 0, false},
	} {
		if got, ok := Int(ready, c.name); got != c.want || ok != c.ok {
			t.Errorf("Int(%q): got %d, %v, want %d, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	for _, broken := range []string{``, `null`, `[]`, `"a"`, `{"a":"b"`, `{"a":"b"}x`, `{"a":"b",}`, `["a","b"]`} {
		if got, ok := String([]byte(broken), "a"); ok {
			t.Errorf("String(%s): got %q, want none", broken, got)
		}
	}
	if s, ok := String([]byte(`{"a":"\x"}`), "a"); ok {
		t.Errorf("String with a bad escape: got %q, want none", s)
	}
}

func TestTextIsTakenOutUpToOneKiB(t *testing.T) {
	for size, want := range map[int]bool{maxText - 2: true, maxText - 1: false, 1 << 20: false} {
		text := strings.Repeat("A", size)
		e, err := Parse([]byte(`{"op":0,"t":"` + text + `","d":1}`))
		if err != nil || (string(e.Type) == text) != want || !want && e.Type != nil || string(e.Data) != "1" {
			t.Errorf("t of %d bytes: got one of %d, %v", size, len(e.Type), err)
		}
		if _, ok := String([]byte(`{"session_id":"`+text+`"}`), "session_id"); ok != want {
			t.Errorf("String of %d bytes: got %v, want %v", size, ok, want)
		}
	}
}

func TestLongTextIsNotDecoded(t *testing.T) {
	long := strings.Repeat(`\u0041`, 1<<18)
	msg := []byte(`{"op":0,"t":"` + long + `","` + long + `":1,"d":{}}`)
	if got := testing.AllocsPerRun(5, func() { _, _ = Parse(msg) }); got != 0 {
		t.Errorf("got %v allocations for escapes that nobody asks for", got)
	}
}

func TestIntegers(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"-0", 0, true}, {"0.0", 0, true}, {"0e999999999999999999999", 0, true}, {"-0.00e-5", 0, true},
		{"41250.0", 41250, true}, {"1e3", 1000, true}, {"1E+3", 1000, true}, {"12.50e1", 125, true}, {"1000e-3", 1, true},
		{"0.001e3", 1, true}, {"-1.5e1", -15, true}, {"100200300", 100200300, true},
		{"1.5", 0, false}, {"1e-1", 0, false}, {"12.51e1", 0, false}, {"1e19", 0, false}, {"1e99999999999999999999", 0, false}, {"1e-99999999999999999999", 0, false},
		{"9007199254740993", 9007199254740993, true}, {"9007199254740993.0", 9007199254740993, true},
		{"9223372036854775807", math.MaxInt64, true}, {"9223372036854775808", 0, false}, {"9.223372036854775807e18", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true}, {"-9223372036854775809", 0, false},
		{"18446744073709551615", 0, false}, {"18446744073709551616", 0, false}, {"184467440737095516160", 0, false},
		{"1" + strings.Repeat("0", 40) + "e-40", 1, true},
		{strings.Repeat("9", 40), 0, false},
		{"0." + strings.Repeat("0", 40) + "1e41", 1, true},
		{"true", 0, false}, {`"1"`, 0, false}, {"-", 0, false}, {"", 0, false}, {"{}", 0, false},
	} {
		if got, ok := integer([]byte(c.in)); got != c.want || ok != c.ok {
			t.Errorf("integer(%.50s): got %d, %v, want %d, %v", c.in, got, ok, c.want, c.ok)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	msg := []byte(`{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"id":"1","content":"a \"quoted\" word","session_id":"x"}}`)
	buf := make([]byte, 0, 256)
	if got := testing.AllocsPerRun(100, func() {
		e, err := Parse(msg)
		if err != nil || e.Op != 0 {
			t.Fatal(err)
		}
		if _, ok := Int(e.Data, "id"); ok {
			t.Fatal("id is no number")
		}
		buf = Append(buf[:0], 1, e.Data)
	}); got != 0 {
		t.Fatalf("allocations: got %v, want 0", got)
	}
}

func TestHeadReadsNoFurtherThanD(t *testing.T) {
	for msg, want := range map[string]bool{
		`{"t":"A","s":1,"op":0,"d":{"x":`:           true, // what follows is not looked at
		`{ "op" : 0 , "s":1,"t":"A","d"` + `:`:      true,
		`{"op":0,"d":{},"s":1,"t":"A"}`:             false,
		`{"t":null,"s":1,"op":0,"d":{}}`:            false,
		`{"t":"A","s":null,"op":0,"d":{}}`:          false,
		`{"t":"A","s":1,"op":0}`:                    false,
		`{"t":"A","s":1,"op":0,"d"`:                 false,
		`{"t":"A","s":1,"op":x,"d":{}}`:             false,
		`["t","A","s",1,"op",0,"d",{}]`:             false,
		``:                                          false,
		`{"x":{"d":1},"t":"A","s":1,"op":0,"d":[]}`: true,
	} {
		e, ok := Head([]byte(msg))
		if ok != want || ok && (e.Op != 0 || e.Seq != 1 || string(e.Type) != "A" || e.Data != nil) {
			t.Errorf("%s: got %v, %s; want %v", msg, ok, show(e), want)
		}
	}
}
