package main

import "testing"

// A mutant is caught only if the test that its patch names fails, by its own word.
func TestOnlyTheFailureOfTheNamedTestCounts(t *testing.T) {
	const late = `{"Action":"output","Test":"TestA","Output":"panic: test timed out after 1m0s\n"}
{"Action":"output","Test":"TestA","Output":"\trunning tests:\n"}
`
	for _, c := range []struct{ name, stream, want string }{
		{"failed", `{"Action":"fail","Test":"TestA"}`, ""},
		{"passed", `{"Action":"pass","Test":"TestA"}`, "passes all the same"},
		{"skipped", `{"Action":"skip","Test":"TestA"}`, "was not run"},
		{"another failed", `{"Action":"fail","Test":"TestB"}`, "was not run"},
		{"only a subtest failed", `{"Action":"fail","Test":"TestA/x"}`, "was not run"},
		{"only the package failed", `{"Action":"pass","Test":"TestA"}` + "\n" + `{"Action":"fail"}`, "passes all the same"},
		{"not built", `{"Action":"build-output","Output":"x.go:1: no\n"}` + "\n" + `{"Action":"build-fail"}` + "\n" + `{"Action":"fail"}`, "does not build"},
		{"died", `{"Action":"output","Test":"TestA","Output":"panic: nil map\n"}` + "\n" + `{"Action":"fail","Test":"TestA"}`, "the process died: panic: nil map"},
		{"goroutines that never end", `{"Action":"output","Test":"TestA","Output":"panic: deadlock: main bubble goroutine has exited\n"}` + "\n" + `{"Action":"fail","Test":"TestA"}`, ""},
		{"waited for ever", `{"Action":"output","Test":"TestA","Output":"panic: the test waits for what never comes\n"}`, ""},
		{"another waited for ever", `{"Action":"output","Test":"TestB","Output":"panic: the test waits for what never comes\n"}`, "was not run"},
		{"hung", late + `{"Action":"output","Test":"TestA","Output":"\t\tTestA (1m0s)\n"}`, ""},
		{"another hung", late + `{"Action":"output","Test":"TestB","Output":"\t\tTestB (1m0s)\n"}`, "the time was over in another test: TestB (1m0s)"},
		{"nothing said", ``, "was not run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := judge([]byte(c.stream)).caught("TestA"); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
