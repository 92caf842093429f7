package inflate_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"

	"github.com/chiru-go/chiru/internal/inflate"
)

func Example() {
	// Discord's side of a zlib-stream connection: one flush per message.
	var wire bytes.Buffer
	w := zlib.NewWriter(&wire)
	fmt.Fprint(w, `{"op":10,"d":{"heartbeat_interval":41250}}`)
	w.Flush()
	sent := wire.Bytes()

	in := inflate.New(inflate.Zlib, 64<<20)
	defer in.Close()
	for _, msg := range [][]byte{sent[:20], sent[20:]} {
		out, ok, err := in.Push(msg)
		if err != nil {
			fmt.Println(err) // final: reconnect with a new Inflater
			return
		}
		fmt.Printf("%v %q\n", ok, out)
	}
	// Output:
	// false ""
	// true "{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}"
}

func ExampleInflater_Push_tooLarge() {
	in := inflate.New(inflate.None, 4)
	defer in.Close()
	_, _, err := in.Push([]byte("hello"))
	fmt.Println(errors.Is(err, inflate.ErrTooLarge), err)
	// Output:
	// true inflate: too large: message of more than 4 bytes
}
