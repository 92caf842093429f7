package gatewaytest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// foul is one way to break the rules, and what comes of it.
type foul struct {
	name  string
	cfg   Config
	play  func(t *testing.T, s *Server)
	rules string // broken, space separated
	fate  string // of the sessions there are: kept, dead, or none
}

// after logs in, does one thing, and reads until the server prints want.
func after(do func(p *player), want string) func(*testing.T, *Server) {
	return func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		do(p)
		p.until(want)
	}
}

func identifying(want string, change ...any) func(*testing.T, *Server) {
	return func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s, change...))
		p.want(want)
	}
}

func opening(query, want string, header ...string) func(*testing.T, *Server) {
	return func(t *testing.T, s *Server) {
		dial(t, s, s.URL(), query, header...).want(want)
	}
}

func resuming(seq any, want string) func(*testing.T, *Server) {
	return func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		synctest.Wait()
		relogin(t, s, id, seq).until(want)
	}
}

func sending(op int, d any) func(*testing.T, *Server) {
	return after(func(p *player) { p.send(op, d) }, "close 4001")
}

func TestEveryRuleIsWatched(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range slices.Concat(fouls, blunders) {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewMemoryServer(f.cfg)
				defer s.Close()
				f.play(t, s)
				synctest.Wait()
				got, want := rulesOf(s), strings.Fields(f.rules)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("broken rules: got %v, want %v\n%v", got, want, s.Violations()[:min(5, len(s.Violations()))])
				}
				if got := fate(t, s); got != f.fate {
					t.Errorf("session: got %s, want %s", got, f.fate)
				}
			})
		})
		for rule := range strings.FieldsSeq(f.rules) {
			seen[rule] = true
		}
	}
	for _, rule := range declaredRules(t) {
		if !seen[rule] {
			t.Errorf("no foul breaks rule %q", rule)
		}
	}
}

// fate cuts what is open and resumes every session there ever was.
func fate(t *testing.T, s *Server) string {
	for _, c := range s.Conns() {
		c.Cut()
	}
	synctest.Wait()
	s.mu.Lock()
	seqs := map[string]int64{}
	for id := range s.ledgers {
		seqs[id] = 1
		if sess := s.sessions[id]; sess != nil {
			seqs[id] = sess.seq
		}
	}
	s.mu.Unlock()
	fates := map[string]bool{}
	for id, seq := range seqs {
		switch m := relogin(t, s, id, seq).next(); {
		case m.T != nil && *m.T == "RESUMED":
			fates["kept"] = true
		case m.String() == "op 9 false":
			fates["dead"] = true
		default:
			fates[m.String()] = true
		}
	}
	if len(fates) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(fates)), " and ")
}

// declaredRules reads the Rule constants from the source, so that a new one cannot go untested.
func declaredRules(t *testing.T) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "referee.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			value := spec.(*ast.ValueSpec)
			if strings.HasPrefix(value.Names[0].Name, "Rule") {
				rule, _ := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
				rules = append(rules, rule)
			}
		}
	}
	if len(rules) < 30 {
		t.Fatalf("found only %d rules in referee.go", len(rules))
	}
	return rules
}
