package gatewaytest

import (
	"encoding/hex"
	"encoding/json"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Server is one Discord Gateway, with the two discovery endpoints of its API. Its methods may be
// called from anywhere, at any time.
type Server struct {
	cfg    Config
	log    *slog.Logger
	client *http.Client

	url, resumeURL, api, controlURL string

	memory    *network // nil on TCP
	listeners []net.Listener
	routines  sync.WaitGroup
	done      chan struct{}
	timer     *time.Timer
	presses   presses

	digestSeed   maphash.Seed
	beatsAsGiven bool // Config.HeartbeatInterval was set

	// mu guards everything below, and the marked fields of Conn, session and Rule. It is held for work
	// in memory only, never across I/O or a wait.
	mu       sync.Mutex
	closed   bool
	sockets  map[net.Conn]struct{}
	down     map[string]bool
	mute     map[string]bool
	token    string
	world    *world
	guilds   []uint64
	statuses map[uint64]json.RawMessage // of voice channels that have one
	rng      *rand.Rand
	conns    []*Conn // open, oldest first
	accepted int
	began    int64 // sessions
	resumes  int64
	issued   int64

	sessions map[string]*session
	routes   map[shardKey][]*session
	counts   map[int]int // num_shards: how many sessions

	identified map[int]time.Time // by rate limit key
	dayBegan   time.Time
	used       int
	memberList map[uint64]time.Time // last whole-list op 8, by guild
	troubled   time.Time            // when the resume host last failed a client

	alarm        time.Time
	patrolAt     time.Time // when the connections have to be looked at
	deferred     []deferred
	doomed       []*Conn
	trafficAt    time.Time // zero while there is none
	trafficSince time.Time
	trafficDone  int64

	chaos   *chaos // nil for none
	strikes map[Strike]int
	fell    map[string]*fall // hosts that the chaos has in trouble

	rules      []*Rule
	received   ring[Payload]
	awaited    map[int]int64 // by opcode: the number of the payload from which on none has been returned
	news       chan struct{} // closed by the next payload; nil if nobody waits
	ledgers    map[string]*ledger
	retired    ring[string]
	orphaned   int // sessions ended on connections of no known shard
	violations []Violation
	allowed    map[string]bool
	firstBeats []float64
	unjittered bool
}

func newServer(cfg Config) (*Server, error) {
	asked := cfg.HeartbeatInterval
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	w := newWorld(worldConfig{Seed: cfg.Seed, Guilds: cfg.Guilds, MembersPerGuild: cfg.Members, Mix: cfg.Mix})
	s := &Server{
		cfg: cfg, log: cfg.Logger, beatsAsGiven: asked != 0,
		done: make(chan struct{}), digestSeed: maphash.MakeSeed(),
		sockets: map[net.Conn]struct{}{}, down: map[string]bool{}, mute: map[string]bool{},
		token: cfg.Token, world: w, guilds: w.guildIDs(), rng: rand.New(rand.NewPCG(cfg.Seed, 0x676174657761)),
		statuses: map[uint64]json.RawMessage{},
		sessions: map[string]*session{}, routes: map[shardKey][]*session{}, counts: map[int]int{},
		identified: map[int]time.Time{}, dayBegan: time.Now(), memberList: map[uint64]time.Time{},
		received: ring[Payload]{max: cfg.Record}, awaited: map[int]int64{},
		ledgers: map[string]*ledger{}, retired: ring[string]{max: maxLedgers},
		allowed: map[string]bool{}, strikes: map[Strike]int{}, fell: map[string]*fall{},
	}
	s.timer = time.NewTimer(time.Hour)
	s.timer.Stop() // until something is due
	chaos, err := parseChaos(cfg.Chaos)
	if err != nil {
		return nil, err
	}
	s.stir(chaos)
	return s, nil
}

// NewMemoryServer serves in memory: the gateway at ws://gateway.discord.test, sessions resumed at
// ws://resume.discord.test, the API at http://discord.test/api/v10, all reached only through Client. It
// works inside a testing/synctest bubble. It panics on a Config out of range, as a test's mistake. Close
// ends it.
func NewMemoryServer(cfg Config) *Server {
	s, err := newServer(cfg)
	if err != nil {
		panic(err)
	}
	s.memory = newNetwork()
	s.memory.missed = func(name string) {
		for host, known := range memoryHosts {
			if name == known {
				s.missed(host, -1, false)
			}
		}
	}
	s.url, s.resumeURL = "ws://gateway.discord.test", "ws://resume.discord.test"
	s.api = "http://discord.test" + apiPath
	if cfg.Control {
		s.controlURL = "http://discord.test" + strings.TrimSuffix(controlPath, "/")
	}
	s.client = &http.Client{Transport: &http.Transport{DialContext: s.memory.dial, DisableKeepAlives: true}}
	s.routines.Go(s.keepTime)
	s.accept(s.memory.listen("gateway.discord.test"), hostGateway, nil)
	s.accept(s.memory.listen("resume.discord.test"), hostResume, nil)
	s.accept(s.memory.listen("discord.test"), hostAPI, nil)
	return s
}

// TB is the part of testing.TB that Start uses.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Cleanup(func())
}

// Start serves in memory until the test ends, and then fails it for every rule the client broke, unless
// Allow let it.
func Start(t TB, cfg Config) *Server {
	t.Helper()
	s := NewMemoryServer(cfg)
	t.Cleanup(func() {
		t.Helper()
		s.Close()
		for _, v := range s.foul() {
			t.Errorf("gatewaytest: %s", v)
		}
	})
	return s
}

// URL is the gateway's, without a query: what GET /gateway answers.
func (s *Server) URL() string { return s.url }

// ResumeURL is the resume_gateway_url of every READY.
func (s *Server) ResumeURL() string { return s.resumeURL }

// API is the root of the HTTP API: GET API()/gateway and API()/gateway/bot.
func (s *Server) API() string { return s.api }

// Token is the bot token that is valid now.
func (s *Server) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// ResetToken makes another token the valid one, as the developer portal does: every session ends, and connections close with 4004.
func (s *Server) ResetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retoken(token, "the token was reset")
}

// Client reaches this server, over HTTP/1.1 and without keeping connections.
func (s *Server) Client() *http.Client { return s.client }

// Close ends every connection and waits for every goroutine the server has started. Close twice is fine.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
		s.timer.Stop()
	}
	sockets := s.sockets
	s.sockets = map[net.Conn]struct{}{}
	s.mu.Unlock()
	for _, l := range s.listeners {
		l.Close()
	}
	for nc := range sockets {
		reset(nc)
	}
	s.routines.Wait()
	s.client.CloseIdleConnections()
}

// Conns returns the open connections, oldest first.
func (s *Server) Conns() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.conns)
}

// Accepted returns how many connections have ever been upgraded.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Sums counts what has been since the server began.
type Sums struct{ Connections, Sessions, Resumes, Dispatches int64 }

// Sums returns the counts so far.
func (s *Server) Sums() Sums {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Sums{int64(s.accepted), s.began, s.resumes, s.issued}
}

// forget takes a connection off the list. Called with s.mu held.
func (s *Server) forget(c *Conn) {
	s.conns = slices.DeleteFunc(s.conns, func(o *Conn) bool { return o == c })
}

// newSessionID is called with s.mu held.
func (s *Server) newSessionID() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(s.rng.Uint32())
	}
	return hex.EncodeToString(b[:])
}

// connected says Hello, or lets a script do what it does instead.
func (s *Server) connected(c *Conn) {
	s.mu.Lock()
	var rule *Rule
	if !c.closing {
		rule = s.match(opConnect, c, nil)
	}
	s.mu.Unlock()
	c.current = &incoming{op: opConnect}
	if rule != nil {
		rule.f(c, nil)
	} else if !c.struckNow(at(c.host, stageHello, stageHelloResume)) {
		c.Default()
	}
	c.current = nil
}
