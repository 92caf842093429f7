package envelope_test

import (
	"fmt"

	"github.com/chiru-go/chiru/internal/envelope"
)

func ExampleParse() {
	e, err := envelope.Parse([]byte(`{"t":"READY","s":1,"op":0,"d":{"v":10,"session_id":"abc"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	id, ok := envelope.String(e.Data, "session_id")
	v, _ := envelope.Int(e.Data, "v")
	fmt.Printf("%d %d %s %s\n%s %v %d\n", e.Op, e.Seq, e.Type, e.Data, id, ok, v)

	e, err = envelope.Parse([]byte(`{"op":11}`))
	fmt.Println(e.Op, e.Seq == envelope.NoSeq, e.Type == nil, e.Data == nil, err)

	_, err = envelope.Parse([]byte(`{"op":11`))
	fmt.Println(err)
	// Output:
	// 0 1 READY {"v":10,"session_id":"abc"}
	// abc true 10
	// 11 true true true <nil>
	// envelope: parse: JSON ends early, after 8 bytes
}

func ExampleAppend() {
	fmt.Printf("%s\n", envelope.Append(nil, 1, []byte("251")))
	fmt.Printf("%s\n", envelope.Append(nil, 1, nil))
	// Output:
	// {"op":1,"d":251}
	// {"op":1,"d":null}
}
