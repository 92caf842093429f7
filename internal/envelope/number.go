package envelope

import "math"

// integer returns the value of a JSON number that is whole and fits 64 bits, however it is written. It works on digits,
// since a float64 is exact only up to 2^53.
func integer(v []byte) (int64, bool) {
	i := 0
	negative := len(v) > 0 && v[0] == '-'
	if negative {
		i++
	}
	if i == len(v) || v[i]-'0' > 9 {
		return 0, false
	}
	var (
		n        uint64 // the digits without trailing zeros
		zeros    int    // trailing zeros
		exponent int
		fraction bool
	)
	for ; i < len(v); i++ {
		c := v[i]
		if c == '.' {
			fraction = true
			continue
		}
		if c == 'e' || c == 'E' {
			exponent += power(v[i+1:])
			break
		}
		if fraction {
			exponent--
		}
		if zeros++; c == '0' {
			continue
		}
		// More digits than 64 bits hold, the last of them not 0, are too large or have a fraction.
		var ok bool
		if n, ok = shift(n, zeros); !ok || n > math.MaxUint64-uint64(c-'0') {
			return 0, false
		}
		n += uint64(c - '0')
		zeros = 0
	}
	if n == 0 {
		return 0, true
	}
	n, ok := shift(n, zeros+exponent)
	switch {
	case !ok:
		return 0, false
	case negative && n <= 1<<63:
		return -int64(n), true
	case !negative && n <= math.MaxInt64:
		return int64(n), true
	}
	return 0, false
}

// shift returns n times ten to the power of places.
func shift(n uint64, places int) (uint64, bool) {
	if n == 0 {
		return 0, true
	}
	if places < 0 {
		return 0, false
	}
	for ; places > 0; places-- {
		if n > math.MaxUint64/10 {
			return 0, false
		}
		n *= 10
	}
	return n, true
}

// power reads the digits of an exponent. One beyond any message size stays there.
func power(v []byte) int {
	sign := 1
	if len(v) > 0 && (v[0] == '-' || v[0] == '+') {
		if v[0] == '-' {
			sign = -1
		}
		v = v[1:]
	}
	p := 0
	for _, c := range v {
		p = min(p*10+int(c-'0'), math.MaxInt32/20)
	}
	return sign * p
}
