package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Embedded is a NATS server with JetStream inside this process, for a fleet of one or a small one. Its data lie in a folder that no
// other process uses at the same time.
type Embedded struct {
	// Conn is this process's own, which needs no network.
	Conn *nats.Conn
	// Door is how others get in.
	Door Door

	server *server.Server
	lock   *lock
	folder string
}

// EmbeddedConfig is an Embedded's.
type EmbeddedConfig struct {
	// Folder keeps the data and daemon.json, closed to others; default StateFolder.
	Folder string
	// Logger gets what the server finds wrong; default none.
	Logger *slog.Logger
}

const (
	// Batches that rest for so long are over: less than any lease lasts, so that the batch of a node that is gone is over before its lease.
	batchLasts = time.Second
	// A power cut loses no more than this; a killed process loses nothing.
	syncEvery = 10 * time.Second
	readyWait = 30 * time.Second
	// The largest message of Discord's that chiru reads by default.
	largestMessage = 64 << 20
)

// Embed starts a server, or says who has the folder. It listens on a free port of the loopback address, which daemon.json in the folder
// tells the programs of this user, with a password that is new each time.
func Embed(ctx context.Context, cfg EmbeddedConfig) (e *Embedded, err error) {
	if cfg.Folder == "" {
		if cfg.Folder, err = StateFolder(os.Getenv); err != nil {
			return nil, err
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := privateFolder(cfg.Folder); err != nil {
		return nil, &SetupError{cfg.Folder, err.Error(), "the folder must be writable; XDG_STATE_HOME names another place for it"}
	}
	held, err := takeLock(filepath.Join(cfg.Folder, "lock"))
	if err != nil {
		return nil, &SetupError{cfg.Folder, err.Error(), "another chiru run has it; stop that one, or set NATS_URL so that both use one NATS"}
	}
	e = &Embedded{lock: held, folder: cfg.Folder}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if err := e.start(cfg.Logger); err != nil {
		return nil, err
	}
	if err := e.Door.write(cfg.Folder); err != nil {
		return nil, &SetupError{cfg.Folder, err.Error(), ""}
	}
	return e, ctx.Err()
}

func (e *Embedded) start(logger *slog.Logger) error {
	password := rand.Text()
	options := &server.Options{
		ServerName: "chiru", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true,
		Users:     []*server.User{{Username: doorUser, Password: password}},
		JetStream: true, StoreDir: filepath.Join(e.folder, "nats"), SyncInterval: syncEvery,
		JetStreamLimits:    server.JSLimitOpts{MaxBatchTimeout: batchLasts},
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 50, // the stream has its own bound
		MaxPayload: largestMessage, MaxPending: 4 * largestMessage,
	}
	s, err := server.NewServer(options)
	if err != nil {
		return &SetupError{"embedded nats", err.Error(), ""}
	}
	e.server = s
	s.SetLoggerV2(serverLog{logger}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(readyWait) {
		return &SetupError{"embedded nats", fmt.Sprintf("it is not ready after %v", readyWait), "see whether the disk of " + e.folder + " is full or slow"}
	}
	addr, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		return errors.New("fleet: the embedded nats has no address")
	}
	e.Door = Door{Format: Format, URL: "nats://127.0.0.1:" + strconv.Itoa(addr.Port), User: doorUser, Password: password, PID: os.Getpid()}
	e.Conn, err = Connect("", logger, nats.InProcessServer(s), nats.UserInfo(doorUser, password))
	return err
}

// Close ends the server, once what it has is on the disk.
func (e *Embedded) Close() {
	if e.Conn != nil {
		e.Conn.Close()
	}
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
		removeDoor(e.folder)
	}
	e.lock.release()
}

// serverLog is what is worth telling of the server's log.
type serverLog struct{ to *slog.Logger }

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}
func (l serverLog) Warnf(format string, a ...any) {
	l.to.Warn("embedded nats", "error", fmt.Sprintf(format, a...))
}
func (l serverLog) Errorf(format string, a ...any) {
	l.to.Error("embedded nats", "error", fmt.Sprintf(format, a...))
}
func (l serverLog) Fatalf(format string, a ...any) {
	l.to.Error("embedded nats", "error", fmt.Sprintf(format, a...))
}
