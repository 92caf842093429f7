package fleet_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serverEnv carries the configuration of a process that is one NATS server of several and nothing else, so that it can be killed.
const serverEnv = "CHIRU_TEST_SERVER"

type serverConfig struct {
	Name   string
	Folder string // stays when the process is killed
	Port   int
	Routes []string // of all of the cluster
	Route  int      // the port of its own
}

func serverProcess(text string) {
	var c serverConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	o := &server.Options{
		ServerName: c.Name, Host: "127.0.0.1", Port: c.Port, NoSigs: true, MaxPayload: 8 << 20,
		JetStream: true, StoreDir: c.Folder, JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 64 << 30,
		Cluster: server.ClusterOpts{Name: "three", Host: "127.0.0.1", Port: c.Route},
	}
	for _, route := range c.Routes {
		u, err := url.Parse(route)
		if err != nil {
			panic(err)
		}
		o.Routes = append(o.Routes, u)
	}
	s, err := server.NewServer(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s.Start()
	s.WaitForShutdown()
}

// servers are the NATS servers of a cluster, each a process with a folder of its own.
type servers struct {
	t       *testing.T
	configs []serverConfig
	running []*process // nil while one is dead
}

// threeServers are not started yet.
func threeServers(t *testing.T) *servers {
	t.Helper()
	const n = 3
	ports := freePorts(t, 2*n)
	v := &servers{t: t, running: make([]*process, n)}
	var routes []string
	for i := range n {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[n+i]))
	}
	for i := range n {
		v.configs = append(v.configs, serverConfig{Name: fmt.Sprintf("n%d", i), Folder: t.TempDir(), Port: ports[i], Routes: routes, Route: ports[n+i]})
	}
	return v
}

// freePorts are free when they are asked for; a server that is restarted needs the one that it had.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (v *servers) address() string {
	var all []string
	for _, c := range v.configs {
		all = append(all, fmt.Sprintf("nats://127.0.0.1:%d", c.Port))
	}
	return strings.Join(all, ",")
}

func (v *servers) start(i int) {
	v.t.Helper()
	v.running[i] = launchAs(v.t, serverEnv, v.configs[i])
}

func (v *servers) kill(i int) {
	v.t.Helper()
	v.running[i].kill()
	v.running[i] = nil
}

// named is the place of a server, -1 for none.
func (v *servers) named(name string) int {
	for i, c := range v.configs {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// killedAt is one kill of a server.
type killedAt struct {
	name string
	at   time.Time
}
