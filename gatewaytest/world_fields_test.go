package gatewaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// worldField is one line of a table.
type worldField struct {
	name               string
	optional, nullable bool
	never              bool
	kind, of           string
	owners             []string // the objects whose table has it
	counts             []*worldCount
}

type worldCount struct{ present, absent, null, filled int }

// worldCheck holds payloads against the tables and counts what it has seen.
type worldCheck struct {
	t      *testing.T
	tables map[string][]worldField
	counts map[string]*worldCount
	failed map[string]bool
}

func newWorldCheck(t *testing.T) *worldCheck {
	c := &worldCheck{t: t, tables: map[string][]worldField{}, counts: map[string]*worldCount{}, failed: map[string]bool{}}
	source := maps.Clone(worldObjects)
	maps.Copy(source, worldGuildObjects)
	maps.Copy(source, worldMessageObjects)
	maps.Copy(source, worldOtherObjects)
	maps.Copy(source, worldEvents)
	maps.Copy(source, worldRareEvents)
	for name := range source {
		c.tables[name] = worldFieldsOf(t, source, name)
		for i, f := range c.tables[name] {
			for _, owner := range f.owners {
				key := owner + "." + f.name
				if c.counts[key] == nil {
					c.counts[key] = &worldCount{}
				}
				c.tables[name][i].counts = append(c.tables[name][i].counts, c.counts[key])
			}
		}
	}
	return c
}

func worldFieldsOf(t *testing.T, source map[string]string, name string) []worldField {
	var fields []worldField
	for line := range strings.Lines(source[name]) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case words[0] == "...":
			if source[words[1]] == "" {
				t.Fatalf("%s includes %s, which has no table", name, words[1])
			}
			fields = append(fields, worldFieldsOf(t, source, words[1])...)
			continue
		}
		f := worldField{name: strings.TrimRight(words[0], "?!")}
		marks := words[0][len(f.name):]
		f.optional, f.nullable = strings.Contains(marks, "?"), strings.Contains(marks, "!")
		if words[1] == "always" {
			words = words[1:]
		}
		f.kind, f.never = words[1], words[1] == "never"
		if len(words) > 2 {
			f.of = words[2]
		}
		fields = append(fields, f)
	}
	for i := range fields {
		fields[i].owners = append(slices.Clone(fields[i].owners), name)
	}
	return fields
}

// fail reports a mistake once.
func (c *worldCheck) fail(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !c.failed[s] {
		c.failed[s] = true
		c.t.Error(s)
	}
}

func (c *worldCheck) body(name string, body []byte) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		c.t.Fatalf("%s: %v in %s", name, err, body)
	}
	c.object(name, name, v)
}

func (c *worldCheck) object(name, path string, v any) {
	fields, ok := c.tables[name]
	o, isObject := v.(map[string]any)
	if !ok || !isObject {
		c.fail("%s: got %v, want an object %q of the tables", path, v, name)
		return
	}
	known := 0
	for _, f := range fields {
		v, present := o[f.name]
		if present {
			known++
		}
		for _, n := range f.counts {
			n.add(present, v)
		}
		switch {
		case !present && !f.optional && !f.never:
			c.fail("%s.%s: absent, want it always there", path, f.name)
		case present && f.never:
			c.fail("%s.%s: present, want it never there", path, f.name)
		case present && v == nil && !f.nullable && f.kind != "any":
			c.fail("%s.%s: null, want it never null", path, f.name)
		case present && v != nil:
			c.value(f, path+"."+f.name, v)
		}
	}
	if known != len(o) {
		for k := range o {
			if !slices.ContainsFunc(fields, func(f worldField) bool { return f.name == k }) {
				c.fail("%s.%s: got a field %s does not have", path, k, name)
			}
		}
	}
}

func (n *worldCount) add(present bool, v any) {
	switch {
	case !present:
		n.absent++
	case v == nil:
		n.present++
		n.null++
	default:
		n.present++
		n.filled++
	}
}

func worldIsID(v any) bool {
	s, ok := v.(string)
	return ok && s != "" && strings.Trim(s, "0123456789") == ""
}

func worldIsInt(v any) bool {
	n, ok := v.(json.Number)
	return ok && !strings.ContainsAny(string(n), ".eE")
}

func worldIsTime(v any) bool {
	s, ok := v.(string)
	if !ok {
		return false
	}
	_, err := time.Parse(time.RFC3339Nano, s)
	return err == nil
}

func (c *worldCheck) value(f worldField, path string, v any) {
	ok := true
	switch f.kind {
	case "any":
	case "id":
		ok = worldIsID(v)
	case "string":
		_, ok = v.(string)
	case "int":
		ok = worldIsInt(v)
	case "number":
		_, ok = v.(json.Number)
	case "bool":
		_, ok = v.(bool)
	case "time":
		ok = worldIsTime(v)
	case "object":
		if f.of != "any" {
			c.object(f.of, path, v)
		}
	case "map":
		var m map[string]any
		if m, ok = v.(map[string]any); ok {
			for k, v := range m {
				ok = ok && worldIsID(k)
				if f.of == "id" {
					ok = ok && worldIsID(v)
				} else {
					c.object(f.of, path+"{}", v)
				}
			}
		}
	case "ids", "ints", "strings", "list":
		var list []any
		if list, ok = v.([]any); ok {
			for _, v := range list {
				c.value(worldField{kind: strings.TrimSuffix(strings.Replace(f.kind, "list", "object", 1), "s"), of: f.of}, path+"[]", v)
			}
		}
	default:
		ok = false
	}
	if !ok {
		c.fail("%s: got %T %v, want %s", path, v, v, f.kind)
	}
}

// missing is everything the tables promise that has not been seen.
func (c *worldCheck) missing() []string {
	var all []string
	miss := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for name, fields := range c.tables {
		for _, f := range fields {
			n := c.counts[name+"."+f.name]
			switch {
			case f.never:
			case n.present+n.absent == 0:
				miss("%s: got none of these objects, want some", name)
			case n.present == 0:
				miss("%s.%s: never present in %d", name, f.name, n.absent)
			case f.optional && n.absent == 0:
				miss("%s.%s: never absent in %d", name, f.name, n.present)
			case f.nullable && n.null == 0:
				miss("%s.%s: never null in %d", name, f.name, n.present)
			case f.nullable && n.filled == 0 && !worldAlwaysNull[name+"."+f.name]:
				miss("%s.%s: always null in %d", name, f.name, n.present)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestWorldReadyObjectsAreComplete(t *testing.T) {
	w := newWorld(worldConfig{Seed: 3})
	var user map[string]any
	if err := json.Unmarshal(w.botUser(), &user); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(worldObjects["user"]) {
		if words := strings.Fields(line); len(words) > 0 {
			name := strings.TrimRight(words[0], "?!")
			if _, ok := user[name]; !ok {
				t.Errorf("bot user: got no %s", name)
			}
		}
	}
	var app struct {
		ID    string
		Flags *int
	}
	if err := json.Unmarshal(w.application(), &app); err != nil {
		t.Fatal(err)
	}
	if app.ID != user["id"] || app.Flags == nil {
		t.Errorf("application: got %+v, want the bot's id %v and flags", app, user["id"])
	}
}
