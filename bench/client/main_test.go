package client

import (
	"slices"
	"testing"
)

func TestQuantilesLeaveTheWarmUpOut(t *testing.T) {
	var sent, came []int64
	for i := range int64(1000) {
		sent = append(sent, i*1e6)
		came = append(came, i*1e6+(i-99)*1000) // the first hundred are before their time
	}
	if got, want := Quantiles(sent, came), []float64{450, 891, 900}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
