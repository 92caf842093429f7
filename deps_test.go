package chiru_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/chiru-go/chiru"

// layer says what a package may import of this module and of others, the standard library aside.
type layer struct {
	own     []string // paths below the module; "." is the root
	outside []string // prefixes
	banned  []string // standard packages that it must not import
}

var layers = map[string]layer{
	"internal/inflate":   {outside: []string{"github.com/klauspost/compress"}, banned: []string{"net", "net/http"}},
	"internal/envelope":  {banned: []string{"net", "net/http", "time"}},
	"internal/websocket": {},
	"internal/session":   {banned: []string{"context", "sync", "sync/atomic", "net", "net/http", "os", "log", "log/slog"}},
	".": {
		own:     []string{"internal/inflate", "internal/envelope", "internal/session", "internal/websocket"},
		outside: []string{"github.com/segmentio/encoding/json"},
	},
	"sessions":    {own: []string{"."}},
	"cluster":     {own: []string{"."}},
	"gatewaytest": {outside: []string{"github.com/klauspost/compress"}}, // nothing of the client
	"fleet": {
		own:     []string{".", "cluster", "sessions"},
		outside: []string{"github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "github.com/nats-io/nkeys"},
	},
	"cmd/chiru": {
		own:     []string{".", "cluster", "fleet", "gatewaytest", "sessions"},
		outside: []string{"github.com/nats-io/nats.go", "github.com/spf13/cobra", "github.com/spf13/pflag"},
	},
	"simulation":       {}, // tests only
	"examples/cluster": {own: []string{".", "cluster", "sessions"}},
	"examples/fleet":   {own: []string{".", "fleet"}},
	"examples/minimal": {own: []string{"."}},
	"mutants":          {},
}

// The modules that a user of the root package gets.
var rootModules = []string{
	"github.com/klauspost/compress",
	"github.com/segmentio/asm",
	"github.com/segmentio/encoding",
	"golang.org/x/sys",
}

type goPackage struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
}

func goList(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	return out
}

func TestLayersHold(t *testing.T) {
	seen := map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(goList(t, "-json", "./..."))); ; {
		var p goPackage
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if name == "" {
			name = "."
		}
		seen[name] = true
		rule, ok := layers[name]
		if !ok {
			t.Errorf("package %s has no layer here; decide what it may import", name)
			continue
		}
		for _, path := range p.Imports {
			if !rule.allows(path) {
				t.Errorf("%s must not import %s", name, path)
			}
		}
	}
	for name := range layers {
		if !seen[name] {
			t.Errorf("package %s is gone; its layer can go too", name)
		}
	}
}

func (l layer) allows(path string) bool {
	if path == module || strings.HasPrefix(path, module+"/") {
		name := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
		if name == "" {
			name = "."
		}
		return slices.Contains(l.own, name)
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return !slices.Contains(l.banned, path)
	}
	return slices.ContainsFunc(l.outside, func(prefix string) bool {
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	})
}

func TestLayersOfTheRootBringInNoFurtherModule(t *testing.T) {
	got := map[string]bool{}
	for _, path := range strings.Fields(string(goList(t, "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "."))) {
		got[path] = true
	}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, rootModules) {
		t.Errorf("the root package brings in %v, want %v", names, rootModules)
	}
}

// The machine gets the time as an argument, or it could not be tested without waiting.
func TestLayersLeaveTheMachineWithoutAClock(t *testing.T) {
	files, err := filepath.Glob("internal/session/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no sources", err)
	}
	clocks := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); path != "time" {
				t.Errorf("%s imports %s; the machine needs time's types and nothing else", name, path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
					t.Errorf("%v: the machine reads a clock", fset.Position(n.Pos()))
				}
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
				t.Errorf("%v: the machine has a goroutine or a channel", fset.Position(n.Pos()))
			}
			return true
		})
	}
}
