package gatewaytest

import (
	"encoding/json"
	"slices"
)

// logEntry is one dispatch; its number is its place in the log.
type logEntry struct {
	typ  string
	body json.RawMessage
}

// replayLog is the tail of a session's dispatches: those numbered base+1 to base+len().
type replayLog struct {
	base    int64
	entries []logEntry // from head on
	head    int
}

func (l *replayLog) len() int { return len(l.entries) - l.head }

func (l *replayLog) push(e logEntry) { l.entries = append(l.entries, e) }

// at returns the dispatch numbered seq, which must be in the log.
func (l *replayLog) at(seq int64) logEntry { return l.entries[l.head+int(seq-l.base)-1] }

// dropTo forgets everything up to and with seq.
func (l *replayLog) dropTo(seq int64) {
	for l.base < seq && l.len() > 0 {
		l.entries[l.head] = logEntry{}
		l.head++
		l.base++
	}
	if l.head > len(l.entries)/2 {
		l.entries = slices.Delete(l.entries, 0, l.head)
		l.head = 0
	}
}
