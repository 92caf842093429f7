package chiru_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chiru-go/chiru"
)

// bound is one row of a table of bounds in docs/design.md.
type bound struct{ what, number, then, code, test string }

func bounds(t *testing.T) []bound {
	t.Helper()
	_, section, _ := strings.Cut(read(t, "docs/design.md"), "## Bounds")
	section, _, _ = strings.Cut(section, "\n### Memory")
	var rows []bound
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "| what") {
			continue
		}
		if len(cells) != 5 {
			t.Fatalf("a row of %d cells: %s", len(cells), line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, bound{cells[0], cells[1], cells[2], cells[3], cells[4]})
	}
	if len(rows) < 60 {
		t.Fatalf("the tables of bounds have %d rows", len(rows))
	}
	return rows
}

func TestDocsGiveEachBoundATest(t *testing.T) {
	existing := tests(t)
	name := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	for _, row := range bounds(t) {
		names := name.FindAllString(row.test, -1)
		if len(names) == 0 {
			t.Errorf("%q has no test", row.what)
		}
		for _, n := range names {
			if !existing[n] {
				t.Errorf("%q names %s, which does not exist", row.what, n)
			}
		}
	}
}

func TestDocsStateTheMemoryThatTheSoakHolds(t *testing.T) {
	text := read(t, "docs/design.md")
	for mode, k := range messagesHeld {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %s \| %d \|.*\| (\d+) MiB.*\| (\d+) MiB`, mode, k))
		got := row.FindStringSubmatch(text)
		if len(got) != 3 {
			t.Errorf("docs/design.md has no row for %s with k %d", mode, k)
			continue
		}
		full := memoryBound(soakConfig{Compression: mode, BacklogBytes: 4 << 20, MaxMessage: 64 << 20})
		small := memoryBound(soakConfig{Compression: mode, BacklogBytes: 64 << 10, MaxMessage: 1 << 20})
		if mode == chiru.CompressionZstdStream {
			full, small = full-soakWindow, small-soakWindow
		}
		if want := []string{fmt.Sprint((full + 1<<19) >> 20), fmt.Sprint((small + 1<<19) >> 20)}; got[1] != want[0] || got[2] != want[1] {
			t.Errorf("%s: docs/design.md says %v MiB, the soak holds it to %v", mode, got[1:], want)
		}
	}
}

// A number in the table is a constant in the code, and the other way round.
func TestDocsGiveEachBoundAsTheCodeDoes(t *testing.T) {
	packages := map[string]*constants{}
	name := regexp.MustCompile("`([\\w/]+)\\.([\\w.]+)`")
	number := regexp.MustCompile(`\d+(?:\.\d+)?(?: (?:ms|s|min|KiB|MiB)\b)?`)
	for _, row := range bounds(t) {
		given := map[string]bool{}
		for _, n := range number.FindAllString(row.number, -1) {
			given[n] = true
		}
		explained := map[string]bool{}
		for _, m := range name.FindAllStringSubmatch(row.code, -1) {
			p := packages[m[1]]
			if p == nil {
				p = constantsOf(t, m[1])
				packages[m[1]] = p
			}
			value := p.value(t, m[2])
			found := false
			for _, text := range shown(value) {
				found = found || given[text]
				explained[text] = true
			}
			if !found {
				t.Errorf("%q: the code has %s = %v, the table says %q", row.what, m[0], shown(value), row.number)
			}
		}
		for n := range given {
			if !explained[n] {
				t.Errorf("%q: no constant named in its row is %s", row.what, n)
			}
		}
	}
}

// shown is a constant as the table may write it.
func shown(v int64) []string {
	out := []string{fmt.Sprint(v)}
	for _, u := range []struct {
		size, step int64
		unit       string
	}{
		{1 << 10, 1 << 10, " KiB"}, {1 << 20, 1 << 20, " MiB"},
		{1e6, 1e6, " ms"}, {1e9, 1e8, " s"}, {60e9, 60e9, " min"},
	} {
		if v >= u.size && v%u.step == 0 {
			out = append(out, fmt.Sprint(float64(v)/float64(u.size), u.unit))
		}
	}
	return out
}

// constants are those of a package, and the defaults of its Config.
type constants struct {
	scope    *types.Scope
	pkg      *types.Package
	fset     *token.FileSet
	defaults map[string]string
}

// folders says where the packages of the table lie.
var folders = map[string]string{
	"chiru": ".", "session": "internal/session", "websocket": "internal/websocket", "inflate": "internal/inflate", "envelope": "internal/envelope",
	"sessions": "sessions", "cmd/chiru": "cmd/chiru", "gatewaytest": "gatewaytest",
	"cluster": "cluster", "fleet": "fleet",
}

func constantsOf(t *testing.T, name string) *constants {
	t.Helper()
	c := &constants{fset: token.NewFileSet(), defaults: map[string]string{}}
	entries, err := os.ReadDir(folders[name])
	if err != nil || folders[name] == "" {
		t.Fatalf("package %q: %v", name, err)
	}
	setting := regexp.MustCompile(`\bor\(&cfg\.(\w+), ([^\n]+)\)\n`)
	var files []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		path := folders[name] + "/" + e.Name()
		for _, m := range setting.FindAllStringSubmatch(read(t, path), -1) {
			c.defaults[m[1]] = m[2]
		}
		f, err := parser.ParseFile(c.fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	// Only constants count, so what cannot be imported does not matter.
	conf := types.Config{Importer: onlyTime{}, Error: func(error) {}, IgnoreFuncBodies: true}
	c.pkg, _ = conf.Check(name, c.fset, files, nil)
	c.scope = c.pkg.Scope()
	return c
}

// value is a constant's, or that of a default: Config.Field.
func (c *constants) value(t *testing.T, name string) int64 {
	t.Helper()
	var v constant.Value
	if field, ok := strings.CutPrefix(name, "Config."); ok {
		text := strings.NewReplacer("time.Millisecond", "1000000", "time.Second", "1000000000").Replace(c.defaults[field])
		if tv, err := types.Eval(c.fset, c.pkg, token.NoPos, text); err == nil {
			v = tv.Value
		}
	} else if k, ok := c.scope.Lookup(name).(*types.Const); ok {
		v = k.Val()
	}
	if v == nil || v.Kind() == constant.Unknown {
		t.Fatalf("%s has no constant %s", c.pkg.Name(), name)
	}
	n, _ := constant.Int64Val(constant.ToInt(v))
	return n
}

// onlyTime imports package time alone.
type onlyTime struct{}

var timePackage = sync.OnceValues(func() (*types.Package, error) {
	return importer.ForCompiler(token.NewFileSet(), "source", nil).Import("time")
})

func (onlyTime) Import(path string) (*types.Package, error) {
	if path != "time" {
		return nil, fmt.Errorf("%s is not imported", path)
	}
	return timePackage()
}
