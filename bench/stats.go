package main

import (
	"math"
	"slices"
)

// median of a list; NaN of none.
func median(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(list))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// spread is half of what lies between the lowest and the highest, as a share of the median.
func spread(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	return (slices.Max(list) - slices.Min(list)) / 2 / median(list)
}

// metric is a number of a run.
type metric func(measured) float64

func speed(m measured) float64 { return float64(m.Events) / m.CPU }

func p99(m measured) float64 { return m.Latency[1] }

// values are a metric of a case, by round.
func (r *results) values(k key, of metric) map[int]float64 {
	v := map[int]float64{}
	for round, m := range r.runs[k] {
		v[round] = of(m)
	}
	return v
}

// ratios are those of two cases within each round that has both.
func (r *results) ratios(a, b key, of metric) (list []float64) {
	below := r.values(b, of)
	for round, v := range r.values(a, of) {
		if w, ok := below[round]; ok && w != 0 {
			list = append(list, v/w)
		}
	}
	return list
}

// all are a metric of a case.
func (r *results) all(k key, of metric) (list []float64) {
	for _, v := range r.values(k, of) {
		list = append(list, v)
	}
	return list
}
