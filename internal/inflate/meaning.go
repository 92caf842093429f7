package inflate

// What the symbols mean (RFC 1951, 3.2.5 to 3.2.7).
var (
	plain           = meaning(func(i int) symbol { return symbol(i) << 16 })
	literalMeaning  = meaning(literalOrLength)
	distanceMeaning = meaning(distance)
	fixed           = fixedCodes()

	// The order in which the lengths of the code for lengths come.
	lengthOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
)

func meaning(of func(int) symbol) *[alphabet]symbol {
	var all [alphabet]symbol
	for i := range all {
		all[i] = of(i)
	}
	return &all
}

func literalOrLength(i int) symbol {
	switch {
	case i < 256:
		return symbol(i)<<16 | literal
	case i == 256:
		return end
	case i < 265:
		return symbol(i-257+3) << 16
	case i < 285: // four of each number of further bits
		more := (i - 261) / 4
		return symbol(3+(4+(i-261)%4)<<more)<<16 | symbol(more)<<8
	case i == 285:
		return longestCopy << 16
	}
	return nothing
}

func distance(i int) symbol {
	switch {
	case i < 4:
		return symbol(i+1) << 16
	case i < 30: // two of each
		more := (i - 2) / 2
		return symbol(1+(2+i%2)<<more)<<16 | symbol(more)<<8
	}
	return nothing
}

// fixedCodes are those of RFC 1951, 3.2.6.
func fixedCodes() *codes {
	c := new(codes)
	for i := range alphabet {
		switch {
		case i < 144:
			c.lengths[i] = 8
		case i < 256:
			c.lengths[i] = 9
		case i < 280:
			c.lengths[i] = 7
		default:
			c.lengths[i] = 8
		}
	}
	for i := range 32 {
		c.lengths[alphabet+i] = 5
	}
	c.literals.build(c.lengths[:alphabet], literalMeaning)
	c.distances.build(c.lengths[alphabet:], distanceMeaning)
	return c
}
