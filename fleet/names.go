package fleet

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/chiru-go/chiru"
)

// Format is the number of the contract between daemons and workers: subjects, headers, and values of the bucket. It stands in
// each of them. docs/fleet.md describes it for workers in other languages.
const Format = 1

// The headers of an event. The body is the dispatch's d as Discord sent it.
const (
	HeaderFormat   = "Chiru-Format"
	HeaderSession  = "Chiru-Session"
	HeaderSequence = "Chiru-Sequence" // the session's last up to this event; its own, if it has one
	HeaderResume   = "Chiru-Resume"   // the URL at which the session is resumed
	HeaderFrame    = "Chiru-Frame"    // what else a RESUME must agree with, as a hash
	HeaderReceived = "Chiru-Received" // RFC 3339, when the daemon had read it
	HeaderGuild    = "Chiru-Guild"    // left out where an event is of no guild
	HeaderEpoch    = "Chiru-Epoch"    // of the claim under which it was stored
)

// The headers of a dead letter, beside those that the event had.
const (
	HeaderDead           = "Chiru-Dead"            // why
	HeaderDeadSubject    = "Chiru-Dead-Subject"    // the event's own
	HeaderDeadSequence   = "Chiru-Dead-Sequence"   // of the event in the fleet's stream
	HeaderDeadDeliveries = "Chiru-Dead-Deliveries" // how often it had been delivered
)

// HeaderWait is how long, in milliseconds, a command may wait for its shard.
const HeaderWait = "Chiru-Wait"

// Partitions is how many parts the guilds are divided into, so that a worker may have all events of a guild.
const Partitions = 64

// noPartition stands in a subject for an event of no guild.
const noPartition = "-"

// names are what a fleet's things are called in NATS.
type names struct{ fleet string }

func (n names) stream() string    { return "CHIRU_" + n.fleet }
func (n names) bucket() string    { return "CHIRU_" + n.fleet }
func (n names) kvStream() string  { return "KV_" + n.bucket() }
func (n names) dead() string      { return "DEAD_" + n.stream() }
func (n names) tries() string     { return "TRIES_" + n.stream() }
func (n names) kvSubject() string { return "$KV." + n.bucket() }

// subjects are all that the stream stores.
func (n names) subjects() []string { return []string{n.prefix("ev") + ">", n.prefix("claim") + "*"} }

func (n names) prefix(kind string) string { return "chiru." + n.fleet + "." + kind + "." }

// event is the subject of one; names with characters that a subject cannot have get others.
func (n names) event(shard int, eventType, partition string) string {
	return n.prefix("ev") + strconv.Itoa(shard) + "." + token(eventType) + "." + partition
}

// events are the subjects of all of a shard's.
func (n names) events(shard int) string { return n.prefix("ev") + strconv.Itoa(shard) + ".>" }

// anyShard is the subject of events of all shards; * stands for any type or partition.
func (n names) anyShard(eventType, partition string) string {
	return n.prefix("ev") + "*." + eventType + "." + partition
}

// deadLetter is the subject of one; whose is the durable that it was delivered to.
func (n names) deadLetter(whose, eventType string) string {
	return n.prefix("dead") + whose + "." + token(eventType)
}

// try is the counter of an event that comes again.
func (n names) try(whose string, sequence uint64) string {
	return n.prefix("tries") + whose + "." + strconv.FormatUint(sequence, 10)
}

// command is where the owner of a shard takes commands, rejected where it tells of those that Discord did not take later, and shards
// where any node says how many there are.
func (n names) command(shard int) string  { return n.prefix("cmd") + strconv.Itoa(shard) }
func (n names) rejected(shard int) string { return n.prefix("rejected") + strconv.Itoa(shard) }
func (n names) shards() string            { return "chiru." + n.fleet + ".shards" }

func (n names) claim(shard int) string { return n.prefix("claim") + strconv.Itoa(shard) }

// status is where all nodes answer how they are.
func (n names) status() string { return "chiru." + n.fleet + ".status" }

// token is text as one token of a subject.
func token(text string) string {
	if text == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == '.' || r == '*' || r == '>' {
			return '_'
		}
		return r
	}, text)
}

// PartitionOf is the part of a guild, as it stands in a subject.
func PartitionOf(guild chiru.Snowflake) int {
	h := fnv.New32a()
	_, _ = h.Write(strconv.AppendUint(nil, uint64(guild), 10))
	return int(h.Sum32() % Partitions)
}

func checkName(name string) error {
	if name == "" || len(name) > 32 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return fmt.Errorf("is %q; a fleet's name has up to 32 letters, digits, - and _", name)
	}
	return nil
}
