package gatewaytest

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chaosSpec is what a chaos is to do.
type chaosSpec struct {
	seed   uint64
	seeded bool
	every  time.Duration // the mean time between faults of a live connection
	early  float64       // the chance of a fault at each stage before that
	gentle bool          // a default client keeps up: see lets
	bomb   int           // bytes that one decompresses to
	wishes []*wish
}

// wish is one fault that may happen.
type wish struct {
	fault fault
	at    stageSet
	left  int // how often it still happens, as soon as it can; -1 for now and then
}

// cards is how often a fault stands in the deck of a stage: more often the fewer its connections, so that each fault
// comes about as often. Live connections are many.
func (w *wish) cards(at stage) int {
	switch {
	case w.fault.fits != nil:
		return 4
	case at == stageLive:
		return 1
	}
	return max(1, 14/bits.OnesCount16(uint16(w.fault.at)))
}

// bombSize is a little more than a client may be expected to take in one message.
const bombSize = 65 << 20

// The heartbeat interval of a gentle chaos: a client that waits two of them to find a connection dead is back soon enough.
const gentleInterval = 2500 * time.Millisecond

// parseChaos reads a spec: words with commas between. seed=N draws from every fault that a right client survives,
// gently; all from every fault there is, not gently; NAME, NAME@STAGE+STAGE and NAME*TIMES name one.
// every=DURATION and early=CHANCE say how often, bomb=BYTES what a bomb decompresses to.
func parseChaos(text string) (chaosSpec, error) {
	spec := chaosSpec{every: 30 * time.Second, early: 0.1, bomb: bombSize}
	var named, all, gentle, everySet bool
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "":
		case "seed":
			spec.seeded = true
			spec.seed, err = strconv.ParseUint(value, 10, 64)
		case "every":
			everySet = true
			if spec.every, err = time.ParseDuration(value); err == nil && (spec.every < 10*time.Millisecond || spec.every > 24*time.Hour) {
				err = fmt.Errorf("must be 10ms to 24h")
			}
		case "early":
			if spec.early, err = strconv.ParseFloat(value, 64); err == nil && !(spec.early >= 0 && spec.early <= 1) {
				err = fmt.Errorf("must be 0 to 1")
			}
		case "all", "gentle":
			all, gentle = all || key == "all", gentle || key == "gentle"
			if value != "" {
				err = fmt.Errorf("takes no value")
			}
		default:
			named = true
			if key == "bomb" && value != "" {
				word = key
				if spec.bomb, err = strconv.Atoi(value); err != nil || spec.bomb < 1 || spec.bomb > math.MaxInt32 {
					err = fmt.Errorf("must be a number of bytes")
				}
			}
			if err == nil {
				var w *wish
				w, err = parseWish(word)
				spec.wishes = append(spec.wishes, w)
			}
		}
		if err != nil {
			return chaosSpec{}, fmt.Errorf("gatewaytest: chaos: %.60q: %w", word, err)
		}
	}
	spec.gentle = gentle
	switch {
	case all:
		spec.wish(final)
	case spec.seeded && !named:
		spec.gentle = true
		spec.wish(ends)
		if !everySet {
			spec.every = 15 * time.Second
		}
	case !named && strings.TrimSpace(text) != "":
		return chaosSpec{}, fmt.Errorf("gatewaytest: chaos: %.60q names no fault: add seed=N, all, or the name of one", text)
	}
	return spec, nil
}

// wish adds every fault up to a severity.
func (spec *chaosSpec) wish(worst severity) {
	for _, list := range [][]fault{faults, hostFaults} {
		for _, f := range list {
			if f.severity <= worst && !spec.wants(f) {
				spec.wishes = append(spec.wishes, &wish{fault: f, at: f.at, left: -1})
			}
		}
	}
}

// wants says whether a fault is among the wishes already.
func (spec *chaosSpec) wants(f fault) bool {
	return slices.ContainsFunc(spec.wishes, func(w *wish) bool { return w.left < 0 && w.fault.name == f.name })
}

// forced says whether something is to happen at a stage as soon as it can.
func (spec *chaosSpec) forced(at stage) bool {
	for _, w := range spec.wishes {
		if w.left > 0 && w.at.has(at) {
			return true
		}
	}
	return false
}

func parseWish(word string) (*wish, error) {
	w := &wish{left: -1}
	word, times, counted := strings.Cut(word, "*")
	if counted {
		n, err := strconv.Atoi(times)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("a fault happens 1 or more times")
		}
		w.left = n
	}
	word, where, placed := strings.Cut(word, "@")
	f, ok := faultNamed(word)
	if !ok {
		return nil, fmt.Errorf("no fault has this name; docs/testing.md lists them")
	}
	w.fault, w.at = f, f.at
	if placed {
		set, err := parseStages(where)
		if err != nil {
			return nil, err
		}
		if w.at &= set; w.at != set {
			return nil, fmt.Errorf("it does not happen at every one of these stages")
		}
	}
	if counted && f.hosts != nil {
		return nil, fmt.Errorf("a fault of a whole host happens now and then; HostDown and the control API do it once")
	}
	return w, nil
}

// fork is a source that what it is taken from does not see again.
func fork(rng *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())) }
