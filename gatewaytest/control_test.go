package gatewaytest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ask sends one request to the control API, and returns the status and the body.
func ask(t *testing.T, s *Server, method, path, body string, header ...string) (int, fields) {
	t.Helper()
	req, err := http.NewRequest(method, s.Control()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	f, ok := parseFields(b)
	if !ok {
		t.Fatalf("%s %s: %d %q is not a JSON object", method, path, resp.StatusCode, b)
	}
	if failed := resp.StatusCode != 200; failed != (f["error"] != nil) {
		t.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	return resp.StatusCode, f
}

// granted is ask for a request that must succeed.
func granted(t *testing.T, s *Server, method, path, body string) fields {
	t.Helper()
	code, f := ask(t, s, method, path, body)
	if code != 200 {
		t.Fatalf("%s %s %s: got %d %s, want 200", method, path, body, code, f["error"])
	}
	return f
}

func TestControlDispatch(t *testing.T) {
	bubble(t, Config{Guilds: 1, Control: true}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.want("GUILD_CREATE 2")
		guild := s.Guilds()[0]
		same := func(f fields, m message) {
			t.Helper()
			if string(f["data"]) != string(m.D) {
				t.Errorf("answer: got %s, want what was sent: %s", f["data"], m.D)
			}
		}
		same(granted(t, s, "POST", "/dispatch", `{"shard":0,"type":"MESSAGE_CREATE"}`), p.want("MESSAGE_CREATE 3"))
		same(granted(t, s, "POST", "/dispatch", fmt.Sprintf(`{"guild":"%d","type":"CHANNEL_CREATE"}`, guild)), p.want("CHANNEL_CREATE 4"))
		same(granted(t, s, "POST", "/dispatch", `{"shard":0,"type":"NEW_EVENT","data":{"a":[1]}}`), p.want("NEW_EVENT 5"))
		same(granted(t, s, "POST", "/dispatch", fmt.Sprintf(`{"guild":%d,"type":"NULL","data":null}`, guild)), p.want("NULL 6"))
	})
}

func TestControlBreak(t *testing.T) {
	for how, want := range map[string]string{
		`"op7"`: "op 7 null", `"op9"`: "op 9 false", `"op9-resumable"`: "op 9 true",
		`"close"`: "close 4000", `"close","code":1001`: "close 1001", `"close","code":4009`: "close 4009",
		`"cut"`: "read", `"mute"`: "silence", `"mute-acks"`: "EVENT 2",
	} {
		t.Run(how, func(t *testing.T) {
			bubble(t, Config{Control: true}, func(t *testing.T, s *Server) {
				p, _ := login(t, s)
				f := granted(t, s, "POST", "/break", `{"shard":0,"how":`+how+`}`)
				if string(f["connections"]) != "1" {
					t.Errorf("connections: got %s, want 1", f["connections"])
				}
				switch want {
				case "read":
					if m := p.next(); m.err == nil {
						t.Errorf("got %v, want an error", m)
					}
				case "silence", "EVENT 2":
					p.send(1, 1)
					s.Dispatch(0, "EVENT", nil)
					if want != "silence" {
						p.want(want)
					}
					p.nc.SetReadDeadline(time.Now().Add(time.Minute))
					if b, err := p.r.ReadByte(); err == nil {
						t.Errorf("read %#x", b)
					}
				default:
					p.want(want)
				}
				if strings.HasPrefix(want, "close") {
					if code, _ := ask(t, s, "POST", "/break", `{"shard":0,"how":"op7"}`); code != 409 {
						t.Errorf("once more: got %d, want 409: the connection is closing", code)
					}
				}
			})
		})
	}
}

func TestControlHosts(t *testing.T) {
	bubble(t, Config{Control: true}, func(t *testing.T, s *Server) {
		f := granted(t, s, "POST", "/hosts", `{"host":"resume","down":true}`)
		if string(f["down"]) != "true" || string(f["mute"]) != "false" {
			t.Errorf("got %v", f)
		}
		if _, err := s.memory.dial(context.Background(), "tcp", "resume.discord.test:80"); err == nil {
			t.Error("the host that is down can be dialled")
		}
		granted(t, s, "POST", "/hosts", `{"host":"resume","down":false,"mute":true}`)
		if mute, down := s.unreachable("resume"); !mute || down {
			t.Errorf("got mute %v, down %v", mute, down)
		}
	})
}

func TestControlViolations(t *testing.T) {
	bubble(t, Config{Control: true}, func(t *testing.T, s *Server) {
		s.Allow(RuleVersion)
		if f := granted(t, s, "GET", "/violations", ""); string(f["violations"]) != "[]" {
			t.Errorf("before any: got %s", f["violations"])
		}
		dial(t, s, s.URL(), "v=8&encoding=json").want("op 10")
		var list []struct {
			At                time.Time
			Shard, Connection int
			Rule, Detail      string
		}
		json.Unmarshal(granted(t, s, "GET", "/violations", "")["violations"], &list)
		if len(list) != 1 || list[0].Rule != RuleVersion || list[0].Connection != 1 || list[0].Shard != -1 || list[0].Detail == "" || list[0].At.IsZero() {
			t.Errorf("got %+v", list)
		}
	})
}

func TestControlSessionsAndLedger(t *testing.T) {
	bubble(t, Config{Control: true}, func(t *testing.T, s *Server) {
		p, id := login(t, s, "shard", []int{3, 4}, "intents", 513)
		s.Dispatch(3, "A", nil)
		p.want("A 2")
		f := granted(t, s, "GET", "/sessions", "")
		if want := fmt.Sprintf(`[{"id":%q,"shard":3,"count":4,"seq":2,"live":true,"intents":513}]`, id); string(f["sessions"]) != want {
			t.Errorf("sessions: got %s, want %s", f["sessions"], want)
		}
		f = granted(t, s, "GET", "/ledger?session="+id, "")
		if want := `[{"seq":1,"type":"READY"},{"seq":2,"type":"A"}]`; string(f["issued"]) != want {
			t.Errorf("issued: got %s, want %s", f["issued"], want)
		}
	})
}

func TestControlReceived(t *testing.T) {
	bubble(t, Config{Control: true}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		p.want("op 11")
		p.close(4001)
		p.want("close")
		f := granted(t, s, "GET", "/received", "")
		var list []struct {
			Connection, Shard, Close int
			Host                     string
			Op                       *int
			Data                     json.RawMessage
		}
		json.Unmarshal(f["received"], &list)
		if string(f["next"]) != "3" || len(list) != 3 || *list[0].Op != 2 || *list[1].Op != 1 || string(list[1].Data) != "1" ||
			list[2].Op != nil || list[2].Close != 4001 || list[0].Host != "gateway" || list[0].Connection != 1 {
			t.Errorf("got %s", mustJSON(f))
		}
		if strings.Contains(string(f["received"]), s.Token()) {
			t.Errorf("the token is in %s", f["received"])
		}
		f = granted(t, s, "GET", "/received?since=2", "")
		if string(f["next"]) != "3" || !strings.HasPrefix(string(f["received"]), `[{"at"`) || strings.Count(string(f["received"]), `"at"`) != 1 {
			t.Errorf("since 2: got %s", mustJSON(f))
		}
	})
}

func TestControlRefusesBadRequests(t *testing.T) {
	bubble(t, Config{Guilds: 1, Control: true}, func(t *testing.T, s *Server) {
		login(t, s)
		for _, c := range []struct {
			method, path, body string
			status             int
			says               string
		}{
			{"GET", "/nothing", "", 404, "no /control/nothing"},
			{"GET", "/dispatch", "", 405, "takes POST"},
			{"POST", "/violations", "", 405, "takes GET"},
			{"POST", "/dispatch", "", 400, "body: EOF"},
			{"POST", "/dispatch", "[]", 400, "cannot unmarshal array"},
			{"POST", "/dispatch", "{\"shard\":0,\"type\":\"A\",\"data\":\"\xff\"}", 400, "not UTF-8"},
			{"POST", "/dispatch", `{"shard":0,"type":"A","data":1} {}`, 400, "more than one"},
			{"POST", "/dispatch", `{"shard":0,"type":"A","what":1}`, 400, `unknown field "what"`},
			{"POST", "/dispatch", `{"shard":"0","type":"A"}`, 400, "cannot unmarshal string"},
			{"POST", "/dispatch", `{"type":"MESSAGE_CREATE"}`, 400, "exactly one of shard and guild"},
			{"POST", "/dispatch", `{"shard":0,"guild":"1","type":"MESSAGE_CREATE"}`, 400, "exactly one of shard and guild"},
			{"POST", "/dispatch", `{"shard":-1,"type":"MESSAGE_CREATE"}`, 400, "shard is -1"},
			{"POST", "/dispatch", `{"guild":"x","type":"MESSAGE_CREATE"}`, 400, "not an id"},
			{"POST", "/dispatch", `{"shard":0,"type":"READY"}`, 400, "give its data"},
			{"POST", "/dispatch", `{"shard":0,"type":"message"}`, 400, `type is "message"`},
			{"POST", "/dispatch", `{"shard":0}`, 400, `type is ""`},
			{"POST", "/dispatch", `{"shard":7,"type":"MESSAGE_CREATE"}`, 409, "shard 7 has no session"},
			{"POST", "/dispatch", `{"shard":7,"type":"A","data":{}}`, 409, "no session that got READY"},
			{"POST", "/dispatch", `{"guild":"5","type":"MESSAGE_CREATE"}`, 409, "in no guild 5"},
			{"POST", "/dispatch", `{"shard":0,"type":"A","data":"` + strings.Repeat("x", maxControl) + `"}`, 413, "at most"},
			{"POST", "/break", `{"how":"cut"}`, 400, "shard is needed"},
			{"POST", "/break", `{"shard":0,"how":"softly"}`, 400, `how is "softly"`},
			{"POST", "/break", `{"shard":0,"how":"cut","code":4000}`, 400, "with how close only"},
			{"POST", "/break", `{"shard":0,"how":"close","code":1006}`, 400, "code 1006 cannot be sent"},
			{"POST", "/break", `{"shard":0,"how":"close","code":5000}`, 400, "code 5000 cannot be sent"},
			{"POST", "/break", `{"shard":9,"how":"cut"}`, 409, "shard 9 has no open connection"},
			{"POST", "/hosts", `{"host":"db","down":true}`, 400, `host is "db"`},
			{"POST", "/hosts", `{"host":"resume"}`, 400, "down or mute is needed"},
			{"GET", "/ledger", "", 400, "session is needed"},
			{"GET", "/ledger?session=x", "", 404, `no session "x"`},
			{"GET", "/ledger?session=x&session=y", "", 400, "repeated"},
			{"GET", "/received?since=-1", "", 400, "not a number of 0 or more"},
			{"GET", "/received?after=1", "", 400, `"after"`},
			{"GET", "/sessions?x=%zz", "", 400, "query"},
			{"GET", "/violations?x=1", "", 400, `"x"`},
		} {
			code, f := ask(t, s, c.method, c.path, c.body)
			text, _ := f.text("error")
			if code != c.status || !strings.Contains(text, c.says) {
				t.Errorf("%s %s %.80s: got %d %q, want %d %q", c.method, c.path, c.body, code, text, c.status, c.says)
			}
		}
	})
}

func TestControlAnswersThisMachineOnly(t *testing.T) {
	bubble(t, Config{Control: true}, func(t *testing.T, s *Server) {
		for _, c := range []struct {
			name, value string
			want        int
		}{
			{"Host", "evil.example", 403}, {"Host", "localhost.evil.example:80", 403}, {"Host", "10.0.0.1", 403},
			{"Host", "127.0.0.1:4000", 200}, {"Host", "localhost", 200}, {"Host", "[::1]:4000", 200},
			{"Origin", "https://evil.example", 403}, {"Origin", "null", 403}, {"Origin", "http://127.0.0.1.evil.example", 403},
			{"Origin", "http://localhost:3000", 200}, {"Origin", "http://127.0.0.1", 200},
		} {
			if code, _ := ask(t, s, "GET", "/violations", "", c.name, c.value); code != c.want {
				t.Errorf("%s %s: got %d, want %d", c.name, c.value, code, c.want)
			}
		}
	})
	var far net.Conn = farConn{}
	s := NewMemoryServer(Config{})
	defer s.Close()
	req, _ := http.NewRequest("GET", "http://127.0.0.1/control/violations", nil)
	if err := s.local(far, req); err == nil || !strings.Contains(err.Error(), "not for 192.0.2.1") {
		t.Errorf("another machine: got %v", err)
	}
}

// farConn is a connection from another machine.
type farConn struct{ net.Conn }

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5} }

func TestControlIsOffUnlessAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(Config{})
		defer s.Close()
		if s.Control() != "" {
			t.Errorf("Control: got %q, want nothing", s.Control())
		}
		resp, err := s.Client().Get("http://discord.test/control/violations")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 404 {
			t.Errorf("got %d, want 404", resp.StatusCode)
		}
	})
}

// On TCP the gateway and the control API share a port, and the one can be down without the other.
func TestControlStaysWhileTheGatewayIsDown(t *testing.T) {
	for _, listen := range []string{"", "0.0.0.0:0"} {
		s, err := NewServer(Config{Control: true, Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, fault := range []string{"down", "mute"} {
			granted(t, s, "POST", "/hosts", `{"host":"gateway","`+fault+`":true}`)
			client := *s.Client()
			client.Timeout = 200 * time.Millisecond
			if resp, err := client.Get(s.API() + "/gateway"); err == nil {
				resp.Body.Close()
				t.Errorf("a gateway that is %s answered %d", fault, resp.StatusCode)
			}
			granted(t, s, "POST", "/hosts", `{"host":"gateway","`+fault+`":false}`)
		}
		if code, _ := get(t, s, "/gateway", ""); code != 200 {
			t.Errorf("well again: got %d, want 200", code)
		}
		if v := s.Violations(); len(v) != 0 {
			t.Errorf("violations: %v", v)
		}
	}
}
