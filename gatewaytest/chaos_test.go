package gatewaytest

import (
	"strings"
	"testing"
)

func TestChaosSpecIsReadOrRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"seed=7":                        "",
		"all,seed=7,every=5m,early=0.5": "",
		"cut@replay+live,op7@hello*2":   "",
		"bomb=1000":                     "",
		"gentle,stall*3":                "",
		"gentle":                        "names no fault",
		" cut , eof ":                   "",
		"seed=":                         "seed=",
		"every=5m":                      "names no fault",
		"every=1":                       "missing unit",
		"every=1ns,cut":                 "must be 10ms to 24h",
		"early=2,cut":                   "must be 0 to 1",
		"early=NaN,cut":                 "must be 0 to 1",
		"cutt":                          "no fault has this name",
		"cut@nowhere":                   "no stage is called",
		"hello-late@live":               "does not happen at every one",
		"cut*0":                         "1 or more times",
		"cut=3":                         "no fault has this name",
		"bomb=-1":                       "must be a number of bytes",
		"base-down*1":                   "now and then",
		"all=1":                         "takes no value",
	} {
		_, err := parseChaos(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// A seed draws only what a right client survives: no final code and no token change.
func TestSeedDrawsNothingThatEndsARightClient(t *testing.T) {
	spec, err := parseChaos("seed=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range spec.wishes {
		if w.fault.severity > ends {
			t.Errorf("a seed may draw %s", w.fault.name)
		}
	}
	if len(spec.wishes) < 80 {
		t.Errorf("a seed draws from %d faults only", len(spec.wishes))
	}
}
