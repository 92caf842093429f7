package main

import (
	"strings"
	"unicode"
)

// clean makes text safe for a terminal and one line long: what others write may hold control sequences,
// line ends, and characters that turn the writing direction.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return ' '
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, text)
}

// cells is how many columns clean text takes on a terminal, as near as the ranges of wide characters tell.
func cells(text string) int {
	n := 0
	for _, r := range text {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// cut shortens text to width cells, and shows that it did where there is room for that.
func cut(text string, width int) string {
	const mark = "..."
	used, end := 0, 0 // end is how much stays if the mark must follow
	for i, r := range text {
		if used <= width-len(mark) {
			end = i
		}
		if used += cellsOf(r); used > width {
			if width < len(mark) {
				return strings.Repeat(".", width)
			}
			return text[:end] + mark
		}
	}
	return text
}
