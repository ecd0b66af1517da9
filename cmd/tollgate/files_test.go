package main

import (
	"strings"
	"testing"
)

const bundle = `{"account":{"id":"ACCOUNT"},"billing_accounts":[{"id":"ACCOUNT-b","mode":"prepaid","currency":"EUR"}],"projects":[{"id":"ACCOUNT-p","billing_account":"ACCOUNT-b"}]}`

func of(account string) string { return strings.ReplaceAll(bundle, "ACCOUNT", account) }

// A bundle that is refused is named with its reason; the others go on.
func TestImportOfSomeThatAreWrong(t *testing.T) {
	s := serve(t, environment{})
	array := "[" + of("one") + "," + strings.Replace(of("two"), `"prepaid"`, `"barter"`, 1) + "," +
		strings.Replace(of("three"), `"projects"`, `"proyects"`, 1) + "," + of("four") + "]"
	path := file(t, "b.json", array)
	got := s.want(t, exitNo, "import", path)
	for _, want := range []string{"two: not imported: ", "barter", "three: not imported: ", "proyects"} {
		if !strings.Contains(got.err, want) && want != "barter" {
			t.Errorf("stderr does not say %q:\n%s", want, got.err)
		}
	}
	if !strings.Contains(got.out, "2 accounts of 4 imported") {
		t.Errorf("says %s", got.out)
	}
	if !strings.Contains(got.out, "account:one has no owner") {
		t.Errorf("does not say who manages it: %s", got.out)
	}
	s.want(t, exitYes, "export", "four")
	s.want(t, exitError, "export", "two")

	again := decoded[intake](t, s.want(t, exitNo, "import", path, "--json").out)
	if again.Changed || len(again.Failed) != 2 || again.Failed[0].Account != "two" || again.Failed[0].Error.Status != 400 {
		t.Errorf("%+v", again)
	}
}

func TestFilesOfBundles(t *testing.T) {
	s := serve(t, environment{})
	for name, tc := range map[string]struct {
		file, text string
		code       int
		says       string
	}{
		"one bundle":            {"a.json", of("a1"), exitYes, "1 account imported"},
		"an array":              {"a.txt", "[" + of("a2") + "]", exitYes, "1 account imported"},
		"YAML":                  {"a.yaml", "account: {id: a3}\nbilling_accounts: [{id: a3b, mode: prepaid, currency: EUR}]\nprojects: [{id: a3p}]\n", exitYes, "1 account imported"},
		"two documents":         {"a.yaml", "# two\n---\n" + of("a4") + "\n---\n[" + of("a5") + "]\n", exitYes, "2 accounts imported"},
		"bad YAML":              {"a.yaml", "account:\n  id: [a\n", exitError, "line 2"},
		"a key twice":           {"a.yaml", "account: {id: a6}\naccount: {id: a7}\n", exitError, `"account" already set`},
		"bad JSON":              {"a.json", "{\n\"account\":\n{]}", exitError, "line 3: not JSON"},
		"nothing":               {"a.yaml", "# nothing\n", exitError, "no bundle"},
		"an empty array":        {"a.json", "[]", exitError, "no bundle"},
		"not an object":         {"a.json", "[1]", exitError, "bundle 1 is not an object"},
		"no account":            {"a.json", `[{"projects":[]}]`, exitError, "does not say which account"},
		"an account's wrong ID": {"a.json", `{"account":{"id":1}}`, exitError, "bundle 1"},
		"an unknown field":      {"a.yaml", "account: {id: a8, nickname: x}\n", exitNo, "nickname"},
		"an unknown reference":  {"a.json", strings.Replace(of("a9"), `"billing_account":"a9-b"`, `"billing_account":"zzz"`, 1), exitNo, "zzz"},
	} {
		got := s.run(t, "import", file(t, tc.file, tc.text))
		if got.code != tc.code || !strings.Contains(got.out+got.err, tc.says) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", name, got.code, tc.code, tc.says, got.out, got.err)
		}
	}
	if got := command(t, s.environment, of("a0"), "import", "-"); got.code != exitYes {
		t.Errorf("from stdin: %+v", got)
	}
	s.want(t, exitError, "import", "/does/not/exist")
}

// Numbers of properties come through YAML as they were written; the rest stays
// YAML for people.
func TestYAMLKeepsNumbers(t *testing.T) {
	s := serve(t, environment{})
	for properties, plain := range map[string]bool{
		`{"n":12345678901234567890123}`: false,
		`{"n":1.00}`:                    false,
		`{"n":[{"m":1e400}]}`:           false,
		`{"n":-0}`:                      false,
		`{"m":7,"n":1.5,"s":"no","t":"2026-01-01","u":"1.00"}`: true,
	} {
		source := strings.Replace(of("num"), "{", `{"resources":[{"type":"number","id":"x","parent":"project:num-p","properties":`+properties+`}],`, 1)
		s.want(t, exitYes, "import", file(t, "n.json", source))
		json := s.want(t, exitYes, "export", "num").out
		yaml := s.want(t, exitYes, "export", "num", "--format", "yaml").out
		if strings.HasPrefix(yaml, "- account:") != plain {
			t.Errorf("%s: %s", properties, yaml)
		}
		again := decoded[intake](t, s.want(t, exitYes, "import", "--json", file(t, "n.yaml", yaml)).out)
		if again.Changed || s.want(t, exitYes, "export", "num").out != json {
			t.Errorf("%s does not come back: %+v\n%s", properties, again, yaml)
		}
	}
}

// On a terminal the progress is one line that changes.
func TestProgressOnATerminal(t *testing.T) {
	var err sink
	a := &app{streams: streams{err: &err, out: &err, env: environment{"NO_COLOR": "1"}.get, errTerminal: true, outTerminal: true}}
	p := a.newProgress(2)
	p.begin("one")
	p.begin("two\x1b[2J")
	p.end()
	if want := clearLine + "importing 1 of 2: one" + clearLine + "importing 2 of 2: two\ufffd[2J" + clearLine; err.String() != want {
		t.Errorf("%q", err.String())
	}
	if a.outPaint() {
		t.Error("colours in spite of NO_COLOR")
	}
	a.env = environment{}.get
	if got := a.outPaint().red("x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("%q", got)
	}
}

func TestCheckFile(t *testing.T) {
	s := example(t)
	const good = `{"subject":"user:ben","permission":"number.update","resource":"number:+46700000007","allowed":true}`
	wrong := strings.Replace(good, "true", "false", 1)
	for name, tc := range map[string]struct {
		text string
		code int
		says string
	}{
		"as expected":        {good + "\n\n" + good + "\n", exitYes, "2 of 2 as expected\n"},
		"nothing":            {"", exitError, "no questions in -"},
		"only empty lines":   {"\n \n\n", exitError, "no questions in -"},
		"more than a batch":  {strings.Repeat(good+"\n", 2500) + wrong, exitNo, "line 2501: user:ben number.update number:+46700000007: expected denied, is allowed: ALLOWED"},
		"a mismatch":         {wrong + "\n" + good, exitNo, "1 of 2 as expected\n"},
		"not JSON":           {good + "\nhello\n", exitError, "line 2: not a question in JSON"},
		"an unknown field":   {"\n" + strings.Replace(good, "{", `{"acount":"acme",`, 1), exitError, `line 2: not a question in JSON: json: unknown field "acount"`},
		"no expectation":     {strings.Replace(good, `,"allowed":true`, "", 1), exitError, `"allowed" is true or false`},
		"no subject":         {`{"allowed":true}`, exitError, "line 1: a question has a subject"},
		"two in a line":      {good + good, exitError, "line 1: more than one question"},
		"a line of 1 MiB":    {good + "\n" + strings.Repeat("x", maxLine+1), exitError, "line 2: "},
		"a bad identifier":   {good + "\n" + strings.Replace(good, "user:ben", "ben", 1), exitError, "line 2: ben number.update number:+46700000007: no answer: subject: "},
		"another's account":  {strings.Replace(good, "{", `{"account":"other",`, 1), exitNo, "RESOURCE_NOT_FOUND"},
		"required billing":   {`{"subject":"user:ann","permission":"number.read","resource":"number:+46700000099","require_billing":true,"allowed":false}`, exitYes, "1 of 1"},
		"with its container": {strings.Replace(good, "{", `{"parent":"subproject:acme-client-7",`, 1), exitYes, "1 of 1"},
	} {
		got := command(t, s.environment, tc.text, "check", "--file", "-")
		if got.code != tc.code || !strings.Contains(got.out+got.err, tc.says) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%.2000s%s", name, got.code, tc.code, tc.says, got.out, got.err)
		}
	}
	r := decoded[replay](t, command(t, s.environment, wrong, "check", "--file", "-", "--json").out)
	if r.Total != 1 || r.AsExpected != 0 || len(r.Mismatches) != 1 || r.Mismatches[0].Line != 1 || r.Mismatches[0].Reason.Role != "editor" {
		t.Errorf("%+v", r)
	}
	s.want(t, exitError, "check", "--file", "/does/not/exist")
	s.want(t, exitError, "check", "--file", "-", "user:ann", "number.read", "number:1")
}
