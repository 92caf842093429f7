package fleet

import (
	"os"
	"strings"
	"testing"
)

func TestDocsHaveTheAccountsOfAServerThatIsNotEmbedded(t *testing.T) {
	text, err := os.ReadFile("../docs/run.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```conf\naccounts")
	block, _, _ := strings.Cut("accounts"+after, "```")
	var got strings.Builder
	for line := range strings.Lines(block) {
		if !strings.HasPrefix(strings.TrimSpace(line), "users:") {
			got.WriteString(line)
		}
	}
	if want := (names{"bot"}).divided(); got.String() != want {
		t.Errorf("docs/run.md has\n%s\nwant, but for the users,\n%s", got.String(), want)
	}
}
