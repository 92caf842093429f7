package chiru_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
)

// peer is the server's end of one connection, frame by frame: it may send what no server should.
type peer struct {
	t     *testing.T
	nc    net.Conn
	mode  chiru.Compression
	begun bool // the compressed stream
	seq   int
	login chan string // the client's IDENTIFY and RESUME
}

// accept upgrades the next connection and says Hello. No beat is due before the test has ended.
func accept(t *testing.T, l net.Listener, mode chiru.Compression) *peer {
	t.Helper()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(nc)
	req, err := http.ReadRequest(from)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	p := &peer{t: t, nc: nc, mode: mode, login: make(chan string, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer nc.Close()
		p.read(from)
	}()
	t.Cleanup(func() {
		nc.Close()
		<-read
	})
	p.say(`{"op":10,"d":{"heartbeat_interval":600000}}`)
	return p
}

// read takes what the client sends until it closes; it ends the connection then.
func (p *peer) read(from *bufio.Reader) {
	var head [8]byte // two bytes, two of length, four of mask
	for {
		if _, err := io.ReadFull(from, head[:2]); err != nil || head[0]&0x0f == 8 {
			return
		}
		size, rest := int(head[1]&0x7f), head[4:8]
		if size == 126 {
			rest = head[2:8]
		}
		if _, err := io.ReadFull(from, rest); err != nil {
			return
		}
		if size == 126 {
			size = int(binary.BigEndian.Uint16(head[2:]))
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(from, text); err != nil {
			return
		}
		for i := range text {
			text[i] ^= head[4+i&3]
		}
		if bytes.HasPrefix(text, []byte(`{"op":2`)) || bytes.HasPrefix(text, []byte(`{"op":6`)) {
			p.login <- string(text)
		}
	}
}

func (p *peer) write(parts ...[]byte) bool {
	_, err := (*net.Buffers)(&parts).WriteTo(p.nc)
	return err == nil
}

// header is that of a WebSocket frame (RFC 6455, 5.2).
func header(last bool, opcode byte, size int) []byte {
	if last {
		opcode |= 0x80
	}
	switch {
	case size < 126:
		return []byte{opcode, byte(size)}
	case size < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{opcode, 126}, uint16(size))
	}
	return binary.BigEndian.AppendUint64([]byte{opcode, 127}, uint64(size))
}

func (p *peer) opcode() byte {
	if p.mode == chiru.CompressionNone {
		return 1
	}
	return 2
}

// packed is a message as the compression sends what does not compress, which costs the client most: stored
// blocks of deflate (RFC 1951, 3.2.4), raw blocks of zstd (RFC 8878, 3.1.1.2) in a frame with a window of 8 MiB.
func (p *peer) packed(text []byte) []byte {
	var out []byte
	switch p.mode {
	case chiru.CompressionNone:
		return text
	case chiru.CompressionZlibStream:
		out = p.begin(0x78, 0x01)
		for len(text) > 0 {
			n := min(len(text), 0xffff)
			out = append(out, 0, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
			out, text = append(out, text[:n]...), text[n:]
		}
		return append(out, 0, 0, 0, 0xff, 0xff)
	default:
		out = p.begin(0x28, 0xb5, 0x2f, 0xfd, 0x00, 13<<3)
		for len(text) > 0 {
			n := min(len(text), 128<<10)
			out = append(out, byte(n<<3), byte(n>>5), byte(n>>13))
			out, text = append(out, text[:n]...), text[n:]
		}
		return out
	}
}

// begin is the head of the compressed stream, which only its first message has.
func (p *peer) begin(head ...byte) []byte {
	if p.begun {
		return nil
	}
	p.begun = true
	return head
}

func (p *peer) say(text string) bool {
	packed := p.packed([]byte(text))
	return p.write(header(true, p.opcode(), len(packed)), packed)
}

// event sends a dispatch whose whole text has a size, or that has the least if it is too small.
func (p *peer) event(name string, size int) bool {
	p.seq++
	head := fmt.Sprintf(`{"op":0,"t":%q,"s":%d,"d":"`, name, p.seq)
	text := append(bytes.Repeat([]byte("A"), max(size-2, len(head))), `"}`...)
	copy(text, head)
	packed := p.packed(text)
	return p.write(header(true, p.opcode(), len(packed)), packed)
}

func (p *peer) ready(size int) {
	p.seq = 1
	head := `{"op":0,"t":"READY","s":1,"d":{"session_id":"soaked","padding":"`
	text := append(bytes.Repeat([]byte("A"), max(size-3, len(head))), `"}}`...)
	copy(text, head)
	packed := p.packed(text)
	p.write(header(true, p.opcode(), len(packed)), packed)
}

// crumbs sends a dispatch in frames of one byte.
func (p *peer) crumbs(name string, size int) {
	p.seq++
	packed := p.packed(fmt.Appendf(nil, `{"op":0,"t":%q,"s":%d,"d":%q}`, name, p.seq, bytes.Repeat([]byte("A"), size)))
	var frames []byte
	opcode := p.opcode()
	for i, b := range packed {
		frames = append(append(frames, header(i == len(packed)-1, opcode, 1)...), b)
		opcode = 0
	}
	p.write(frames)
}

// bomb sends what inflates to a GiB, or is as long if there is no compression.
func (p *peer) bomb() {
	var bomb []byte
	switch p.mode {
	case chiru.CompressionNone:
		p.endless()
		return
	case chiru.CompressionZlibStream:
		var some bytes.Buffer
		w, _ := flate.NewWriter(&some, flate.BestCompression)
		_, _ = w.Write(make([]byte, 16<<20))
		_ = w.Flush()
		bomb = bytes.Repeat(some.Bytes(), 64) // a match of zeros finds them in the window again
	default:
		bomb = bytes.Repeat([]byte{1<<1 | 0<<3, 0, 128 << 10 >> 13, 0}, 8<<10) // a zero, 128 Ki times
	}
	p.write(header(true, 2, len(bomb)), bomb)
}

// endless sends a message that does not end, as text, until the client has had enough.
func (p *peer) endless() {
	p.write(header(false, 1, 1), []byte(`"`))
	waste := bytes.Repeat([]byte("A"), 1<<20)
	for p.write(header(false, 0, len(waste)), waste) {
	}
}

// resumed checks that the client comes back for its session, and gives it.
func (p *peer) resumed(seq int) {
	p.t.Helper()
	var resume struct {
		Op int `json:"op"`
		D  struct {
			SessionID string `json:"session_id"`
			Seq       int    `json:"seq"`
		} `json:"d"`
	}
	if err := json.Unmarshal([]byte(<-p.login), &resume); err != nil || resume.Op != 6 || resume.D.SessionID != "soaked" || resume.D.Seq != seq {
		p.t.Fatalf("the client sent %+v, want a RESUME of its session at %d", resume, seq)
	}
	p.seq = seq
	p.event("RESUMED", 0)
}
