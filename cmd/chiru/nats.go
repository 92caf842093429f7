package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/chiru-go/chiru/fleet"
)

// natsPlace is where a fleet's NATS is.
type natsPlace struct {
	url   string
	creds string
	ca    string
	cert  string
	key   string
	state string
	name  string
}

func (n *natsPlace) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(&setting[string]{value: &n.url, parse: parseNATS, kind: "URL"}, "nats", "the NATS servers, with commas between (default: the one that chiru run embeds)")
	f.StringVar(&n.creds, "nats-creds", "", "credentials `file` for NATS")
	f.StringVar(&n.ca, "nats-ca", "", "`file` of the authority of the NATS servers' certificates, if the system does not know it")
	f.StringVar(&n.cert, "nats-cert", "", "`file` of the certificate shown to NATS, if it wants one")
	f.StringVar(&n.key, "nats-key", "", "`file` of that certificate's key")
	f.StringVar(&n.state, "state", "", "`folder` of the embedded NATS (default: chiru in XDG_STATE_HOME)")
	f.StringVar(&n.name, "name", "bot", "the fleet's `name`, one for each bot")
}

// parseNATS does not repeat what was given: it may have a password.
func parseNATS(text string) (string, error) {
	for one := range strings.SplitSeq(text, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss" {
			return "", errors.New("a NATS URL is as in nats://127.0.0.1:4222, and several have commas between")
		}
	}
	return text, nil
}

// folder is where the embedded server is, or would be.
func (n *natsPlace) folder(p *program) (string, error) {
	if n.state != "" {
		return n.state, nil
	}
	return fleet.StateFolder(p.env)
}

// natsWait is how long a command of a person's waits for NATS.
const natsWait = 5 * time.Second

// connect connects a command that reads: to what the flags name, or to the server that a chiru run of this user embeds, which it follows when that
// starts again. logger may be nil.
func (n *natsPlace) connect(p *program, logger *slog.Logger) (*nats.Conn, error) {
	where, options, err := n.reach(p)
	if err != nil {
		return nil, err
	}
	if n.url == "" && logger != nil {
		options = append(options, tellOfDaemon(logger)...)
	}
	nc, err := fleet.Connect(where, logger, append(options, nats.RetryOnFailedConnect(false), nats.Timeout(natsWait))...)
	if _, told := errors.AsType[*fleet.SetupError](err); told {
		return nil, err
	}
	if err != nil {
		f := failed("%v", err)
		f.hint = "see whether NATS runs and NATS_URL is right"
		if n.url == "" {
			f.hint = "see whether chiru run is running: its daemon.json names a server that does not answer"
		}
		return nil, f
	}
	return nc, nil
}

func (n *natsPlace) reach(p *program) (where string, options []nats.Option, err error) {
	if (n.cert == "") != (n.key == "") {
		return "", nil, usage("--nats-cert and --nats-key go together")
	}
	for flag, file := range map[string]string{"nats-creds": n.creds, "nats-ca": n.ca, "nats-cert": n.cert, "nats-key": n.key} {
		if file == "" {
			continue
		}
		// The client would look when a server asks.
		if _, err := readStart(file); err != nil {
			f := failed("--%s: %v", flag, err)
			f.hint = "name a file that can be read, by the flag or by " + variable(flag)
			return "", nil, f
		}
	}
	if n.creds != "" {
		options = append(options, nats.UserCredentials(n.creds))
	}
	if n.ca != "" {
		options = append(options, nats.RootCAs(n.ca))
	}
	if n.cert != "" {
		options = append(options, nats.ClientCert(n.cert, n.key))
	}
	if n.url != "" {
		return n.url, options, nil
	}
	folder, err := n.folder(p)
	if err != nil {
		return "", nil, err
	}
	door, err := fleet.ReadDoor(folder)
	if err != nil {
		return "", nil, err
	}
	own, err := (&follower{folder, door}).options()
	return door.URL, append(own, options...), err
}

// explainSetup makes a failure of what fleet says of NATS.
func explainSetup(err error) error {
	if wrong, ok := errors.AsType[*fleet.SetupError](err); ok {
		f := failed("%s", fmt.Sprintf("%s: %s", wrong.What, wrong.Reason))
		f.hint = wrong.Hint
		return f
	}
	return err
}
