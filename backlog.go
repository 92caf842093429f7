package chiru

import "sync"

// backlog is what waits for inbound: bounded in events and in bytes.
type backlog struct {
	items     []waiting // a ring; grows to maxEvents at most, or ringPooled
	head, n   int
	bytes     int
	maxEvents int
	maxBytes  int
}

const (
	ringKept   = 32 // places that an empty backlog keeps; a batch fits
	ringPooled = 256
)

// ringPool holds the rings of backlogs that are empty.
var ringPool = sync.Pool{New: func() any { return new([ringPooled]waiting) }}

// waiting is one event that must not be lost.
type waiting struct {
	event IncomingEvent
	size  int
	mark  mark // what is handled once the event is
}

// mark is a place in the stream of a session.
type mark struct {
	generation int
	seq        int64
}

// full reports whether another event must wait outside. An event larger than the bound passes alone.
func (b *backlog) full(size int) bool {
	return b.n >= b.maxEvents || b.n > 0 && b.bytes+size > b.maxBytes
}

func (b *backlog) push(w waiting) {
	if b.n == len(b.items) {
		b.grow()
	}
	b.items[(b.head+b.n)%len(b.items)] = w
	b.n++
	b.bytes += w.size
}

func (b *backlog) grow() {
	var bigger []waiting
	if size := max(8, 2*len(b.items)); size <= ringKept || size > ringPooled {
		bigger = make([]waiting, size)
	} else {
		bigger = ringPool.Get().(*[ringPooled]waiting)[:]
	}
	for i := range b.n {
		bigger[i] = b.items[(b.head+i)%len(b.items)]
	}
	b.items, b.head = bigger, 0
}

func (b *backlog) first() IncomingEvent { return b.items[b.head].event }

func (b *backlog) pop() waiting {
	w := b.items[b.head]
	b.items[b.head] = waiting{}
	b.head = (b.head + 1) % len(b.items)
	b.n--
	b.bytes -= w.size
	if b.n == 0 && len(b.items) > ringKept {
		if len(b.items) == ringPooled {
			ringPool.Put((*[ringPooled]waiting)(b.items))
		}
		b.items, b.head = nil, 0
	}
	return w
}

// cover extends the last event's mark over one that is not handed over.
func (b *backlog) cover(m mark) {
	b.items[b.end()].mark = m
}

func (b *backlog) lastMark() mark { return b.items[b.end()].mark }

func (b *backlog) end() int { return (b.head + b.n - 1) % len(b.items) }
