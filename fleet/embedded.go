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

	"github.com/chiru-go/chiru"
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
	log    *serverLog
}

// EmbeddedConfig is an Embedded's.
type EmbeddedConfig struct {
	// Folder keeps the data and daemon.json, closed to others; default StateFolder.
	Folder string
	// Name is the fleet's; default "bot". Users with permissions reach this one.
	Name string
	// Listen is the address, host:port; default a free port of the loopback address. One that other machines reach needs Users.
	Listen string
	// Users is a file with the blocks authorization and tls of a configuration of nats-server: who may come in. Without it programs with the password
	// in daemon.json may, and, if Listen is set, all programs of this machine. Users with permissions are workers: they reach the fleet's events and
	// nothing else of the server, whatever their permissions allow.
	Users string
	// HTTP is the address of health and metrics, for daemon.json.
	HTTP string
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

// Embed starts a server, or says that the folder is in use. daemon.json in the folder tells the programs of this user where it listens, with a
// password that is new each time.
func Embed(ctx context.Context, cfg EmbeddedConfig) (_ *Embedded, err error) {
	if cfg.Folder == "" {
		if cfg.Folder, err = StateFolder(os.Getenv); err != nil {
			return nil, err
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Name = or(cfg.Name, defaultName)
	if err := checkName(cfg.Name); err != nil {
		return nil, &chiru.ConfigError{Field: "Name", Reason: err.Error()}
	}
	err = privateFolder(cfg.Folder)
	if _, told := errors.AsType[*SetupError](err); told {
		return nil, err
	}
	if err != nil {
		return nil, &SetupError{cfg.Folder, err.Error(), diskHint(err, "the folder must be writable; XDG_STATE_HOME names another place for it")}
	}
	held, err := takeLock(filepath.Join(cfg.Folder, lockFile))
	if err != nil && !errors.Is(err, errFolderTaken) {
		return nil, &SetupError{cfg.Folder, err.Error(), diskHint(err, "the folder must be writable")}
	}
	if err != nil {
		return nil, &SetupError{cfg.Folder, err.Error(), "another chiru run has it; stop that one, or set NATS_URL so that both use one NATS"}
	}
	e := &Embedded{lock: held, folder: cfg.Folder, log: newServerLog(cfg.Logger)}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if err := checkLeftDoor(cfg.Folder); err != nil {
		return nil, err
	}
	if err := e.start(cfg); err != nil {
		return nil, err
	}
	if err := e.Door.write(cfg.Folder); err != nil {
		return nil, &SetupError{cfg.Folder, err.Error(), diskHint(err, "the folder must be writable")}
	}
	err = context.Cause(ctx) // which the deferred Close sees
	return e, err
}

func (e *Embedded) start(cfg EmbeddedConfig) error {
	options := &server.Options{
		ServerName: "chiru", NoSigs: true,
		JetStream: true, StoreDir: filepath.Join(e.folder, "nats"), SyncInterval: syncEvery,
		JetStreamLimits:    server.JSLimitOpts{MaxBatchTimeout: batchLasts},
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 50, // the stream has its own bound
		MaxPayload: largestMessage, MaxPending: 4 * largestMessage,
	}
	password, err := cfg.listen(options, rand.Text())
	if err != nil {
		return err
	}
	// The server itself would say so in its log, and wait.
	probe, err := net.Listen("tcp", net.JoinHostPort(options.Host, strconv.Itoa(max(options.Port, 0))))
	if err != nil {
		return &SetupError{"nats-listen " + cfg.Listen, err.Error(), "take an address of this machine that is free; port 0 takes a free one"}
	}
	probe.Close()
	s, err := server.NewServer(options)
	if err != nil {
		return &SetupError{"embedded nats", err.Error(), "see what --nats-users and --nats-listen say"}
	}
	e.server = s
	s.SetLoggerV2(e.log, false, false, false)
	s.Start()
	if !s.ReadyForConnections(readyWait) {
		return &SetupError{"embedded nats", e.log.told(fmt.Sprintf("it is not ready after %v", readyWait)), "see whether the address is free, and the disk of " + e.folder + " full or slow"}
	}
	if !s.JetStreamEnabled() {
		return &SetupError{"embedded nats", e.log.told("it cannot store"), "see whether the disk of " + e.folder + " is full, or not writable"}
	}
	addr, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		return errors.New("fleet: the embedded nats has no address")
	}
	host := options.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	e.Door = Door{Format: Format, URL: "nats://" + net.JoinHostPort(host, strconv.Itoa(addr.Port)), Certificate: certificate(options), HTTP: cfg.HTTP, PID: os.Getpid()}
	own := []nats.Option{nats.InProcessServer(s)}
	if password != "" {
		e.Door.User, e.Door.Password = doorUser, password
		own = append(own, nats.UserInfo(doorUser, password))
	}
	e.Conn, err = Connect("", cfg.Logger, own...)
	return err
}

// Failed gets an error once the server cannot store any more, as when the disk is full: it does not recover by itself. What has not been stored
// has not been acknowledged to Discord either, and comes again with the next start.
func (e *Embedded) Failed() <-chan error { return e.log.failed }

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
