package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// workersAccount is the NATS account of those who may do some things only. nats-server holds a message's subject against its sender's permissions,
// but not the subject to which a request wants its answer. From another account the answer goes to a subject that the server makes up.
const workersAccount = "workers"

// service is what the nodes' account does for workers.
type service struct {
	subject string
	as      string // what workers call it, if it is not the same
	many    bool   // has several answers
}

// services are all that a worker can need; each user's permissions allow some of it.
func (n names) services() []service {
	api := "$JS.API."
	return []service{
		// Without it nats-server answers whatever is asked of the API in the workers' account a second time: that there is no JetStream.
		{subject: api + "INFO"},
		{subject: api + "STREAM.INFO." + n.stream()},
		{subject: api + "CONSUMER.INFO." + n.stream() + ".*"},
		{subject: n.create() + ">", as: api + "CONSUMER.CREATE." + n.stream() + ".>"},
		{subject: n.create() + "*", as: api + "CONSUMER.DURABLE.CREATE." + n.stream() + ".*"}, // of older clients, and of Node's with several filters
		{subject: api + "CONSUMER.DELETE." + n.stream() + ".*"},
		{subject: api + "CONSUMER.MSG.NEXT." + n.stream() + ".*", many: true},
		{subject: "$JS.ACK." + n.stream() + ".>", many: true},
		{subject: n.status(), many: true},
		{subject: n.shards()},
		{subject: n.prefix("cmd") + "*"},
		{subject: n.prefix("dead") + ">"},
		{subject: n.prefix("tries") + ">"},
	}
}

// divided is a configuration of nats-server's with both accounts; docs/run.md has it, with users, for a server that is not embedded.
func (n names) divided() string {
	var exports, imports []string
	for _, s := range n.services() {
		kind, to := "", ""
		if s.many {
			kind = ", response_type: stream"
		}
		if s.as != "" {
			to = fmt.Sprintf(", to: %q", s.as)
		}
		exports = append(exports, fmt.Sprintf("{ service: %q%s }", s.subject, kind))
		imports = append(imports, fmt.Sprintf("{ service: { account: nodes, subject: %q }%s }", s.subject, to))
	}
	rejected := n.prefix("rejected") + "*"
	exports = append(exports, fmt.Sprintf("{ stream: %q }", rejected))
	imports = append(imports, fmt.Sprintf("{ stream: { account: nodes, subject: %q } }", rejected))
	const between = "\n      "
	return "accounts {\n  nodes {\n    jetstream: enabled\n    exports: [" + between + strings.Join(exports, between) + "\n    ]\n  }\n" +
		"  " + workersAccount + " {\n    imports: [" + between + strings.Join(imports, between) + "\n    ]\n  }\n}\n"
}

// divide gives the users that have permissions the workers' account. All others have the one in which the streams are.
func divide(fleet string, o *server.Options) error {
	var restricted []**server.Account
	for _, u := range o.Users {
		if u.Permissions != nil {
			restricted = append(restricted, &u.Account)
		}
	}
	for _, u := range o.Nkeys {
		if u.Permissions != nil {
			restricted = append(restricted, &u.Account)
		}
	}
	if len(restricted) == 0 {
		return nil
	}
	var said server.Options
	if err := said.ProcessConfigString(names{fleet}.divided()); err != nil {
		return err
	}
	for _, account := range said.Accounts {
		if account.Name != workersAccount {
			account.Name = server.DEFAULT_GLOBAL_ACCOUNT // where the streams have been since before there were users
			continue
		}
		for _, at := range restricted {
			*at = account
		}
	}
	o.Accounts = said.Accounts
	return nil
}

// create is where workers in an account of their own ask for a consumer, followed by what follows the stream in JetStream's subject.
func (n names) create() string { return n.prefix("create") }

// codeForbidden is chiru's own, beside JetStream's.
const codeForbidden = 403

// makeConsumers lets workers make consumers that are pulled from, and no others: JetStream delivers the events of another kind to any subject that
// is wished for, those of its own API and of the bucket included.
func (f *fleet) makeConsumers() (*nats.Subscription, error) {
	return f.nc.QueueSubscribe(f.names.create()+">", ownersGroup, func(m *nats.Msg) {
		text, err := readConsumer(m.Data, f.names.stream())
		if err != nil {
			f.log.Warn("consumer not made", "subject", m.Subject, "error", err)
			f.reply(m, map[string]any{"type": "io.nats.jetstream.api.v1.consumer_create_response", "error": &refusal{codeForbidden, 0, err.Error()}})
			return
		}
		what := strings.TrimPrefix(m.Subject, f.names.create())
		answer, err := f.nc.Request("$JS.API.CONSUMER.CREATE."+f.names.stream()+"."+what, text, askWait)
		if err != nil {
			f.log.Warn("consumer not made", "subject", m.Subject, "error", err)
			return // who asked asks again
		}
		f.reply(m, json.RawMessage(answer.Data))
	})
}

// readConsumer is a request for a consumer as it may be passed on: with what chiru knows of it, and nothing else.
func readConsumer(text []byte, stream string) ([]byte, error) {
	var asked struct {
		Stream string                   `json:"stream_name"`
		Config jetstream.ConsumerConfig `json:"config"`
		Action string                   `json:"action,omitempty"`
	}
	if err := json.Unmarshal(text, &asked); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if asked.Config.DeliverSubject != "" || asked.Config.DeliverGroup != "" {
		return nil, errors.New("workers pull: a consumer with a deliver_subject is for nodes")
	}
	if asked.Stream != stream {
		return nil, fmt.Errorf("its stream is %q, not %s", asked.Stream, stream)
	}
	return json.Marshal(asked)
}
