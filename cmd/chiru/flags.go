package main

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/chiru-go/chiru"
)

// setting is a flag whose value has its own grammar.
type setting[T any] struct {
	value *T
	parse func(string) (T, error)
	kind  string
	shown string // the default, in the help
}

func (s *setting[T]) Set(text string) error {
	got, err := s.parse(text)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "chiru: "))
	}
	*s.value, s.shown = got, text
	return nil
}

func (s *setting[T]) String() string { return s.shown }
func (s *setting[T]) Type() string   { return s.kind }

// place is a shard among others.
type place struct{ id, count int }

func parsePlace(text string) (place, error) {
	first, second, ok := strings.Cut(text, "/")
	id, err := strconv.Atoi(first)
	count, err2 := strconv.Atoi(second)
	switch {
	case !ok || err != nil || err2 != nil:
		return place{}, errors.New("a shard is I/N, as in 0/2")
	case count < 1 || id < 0 || id >= count:
		return place{}, fmt.Errorf("shard %d of %d does not exist: the first is 0/%d and the last is %d/%d",
			id, count, max(count, 1), max(count, 1)-1, max(count, 1))
	}
	return place{id, count}, nil
}

// allShards stands for as many shards as Discord recommends.
const allShards = -1

func parseShards(text string) (int, error) {
	if text == "auto" {
		return allShards, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errors.New("must be auto, or a number, 1 or more")
	}
	return n, nil
}

// parseTypes reads names of dispatches. Discord may add some, so any name is allowed that could be one.
func parseTypes(text string) (map[string]bool, error) {
	types := map[string]bool{}
	for name := range strings.SplitSeq(text, ",") {
		name = strings.ToUpper(strings.TrimSpace(name))
		if name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return nil, fmt.Errorf("%q is no event type; write them as in MESSAGE_CREATE,MESSAGE_DELETE", name)
		}
		types[name] = true
	}
	return types, nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errors.New("must be a number, 1 or more")
	}
	return n, nil
}

// parseSize reads how many bytes, with a unit of 1024 or without one.
func parseSize(text string) (int64, error) {
	number, unit := strings.TrimSpace(text), int64(1)
	for i, name := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if before, ok := strings.CutSuffix(number, name); ok {
			number, unit = strings.TrimSpace(before), 1<<(10*(i+1))
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return 0, errors.New("a size is a number of bytes, or of KiB, MiB, GiB or TiB, as in 8GiB")
	}
	return n * unit, nil
}

func parseAPI(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", fmt.Errorf("an API is a URL as in %s", chiru.DefaultAPI)
	}
	return text, nil
}
