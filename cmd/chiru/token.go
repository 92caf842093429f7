package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
)

const longestToken = 4096 // bytes; Discord's have about 70

// token is the bot's, from the file if one is named, else from the environment; empty if there is none.
func (p *program) token(file string) (string, error) {
	text, from := p.env("DISCORD_TOKEN"), "DISCORD_TOKEN"
	if file != "" {
		from = "--token-file " + file
		content, err := readStart(file)
		if err != nil {
			if path, ok := errors.AsType[*fs.PathError](err); ok {
				err = path.Err
			}
			return "", noToken("%s: %v", from, err)
		}
		text = content
	}
	text = strings.TrimPrefix(strings.TrimSpace(text), "Bot ")
	switch {
	case text == "" && file != "":
		return "", noToken("%s: the file is empty", from)
	case len(text) > longestToken:
		return "", noToken("%s is no token: it is longer than %d bytes", from, longestToken)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII }):
		return "", noToken("%s is no token: it has spaces, line ends or other characters that a token cannot have", from)
	}
	p.secret = text
	return text, nil
}

func noToken(format string, args ...any) error {
	f := usage(format, args...)
	f.hint = "DISCORD_TOKEN or the file of --token-file has the token as the app's Bot page shows it, and nothing else"
	return f
}

func readStart(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, longestToken+64))
	return string(content), err
}
