package tollgate_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tollgate-dev/tollgate"

// mayImport says which packages of ours each package may import. Imports only
// point down, and api and store never see each other.
var mayImport = map[string][]string{
	"hierarchy":          {},
	"internal/cow":       {},
	"internal/history":   {},
	"internal/oracle":    {},
	"internal/leak":      {"apikey"},
	"billing":            {"hierarchy"},
	"policy":             {"hierarchy"},
	"apikey":             {"hierarchy"},
	"authz":              {"apikey", "policy", "billing", "hierarchy", "internal/cow"},
	"admin":              {"route", "apikey", "authz", "policy", "billing", "hierarchy"},
	"limit":              {},
	"gateway":            {"limit", "route", "apikey", "authz", "hierarchy"},
	"route":              {"policy", "hierarchy"},
	"replica":            {"authz", "hierarchy"},
	"store":              {"replica", "authz", "hierarchy"},
	"store/storetest":    {"internal/leak"},
	"api":                {"limit", "gateway", "route", "apikey", "replica", "admin", "authz", "policy", "billing", "hierarchy"},
	"extauthz":           {"gateway"},
	"client":             {},
	"client/httpauth":    {"client"},
	"client/ginauth":     {"client/httpauth"},
	"examples/guard":     {"client", "client/httpauth"},
	"client/inprocess":   {".", "sidecar", "api", "gateway", "route", "store", "authz", "policy", "client"},
	"sidecar":            {"client", "store", "replica", "authz", "policy", "hierarchy"},
	"cmd/tollgate":       {".", "sidecar", "limit", "gateway", "extauthz", "apikey", "api", "store", "replica", "admin", "authz", "route", "policy", "billing", "hierarchy", "client"},
	".":                  {},
	"policy/stockcasbin": {"policy", "hierarchy"},
	"internal/realroles": {"internal/oracle"},
	"internal/worlds":    {"internal/oracle", "admin", "apikey", "authz", "policy", "billing", "hierarchy"},
	"internal/scenario":  {"admin"},
}

// mayUse says which package each library of a kind is kept in.
var mayUse = map[string][]string{
	"github.com/gin-gonic/gin":      {"api", "client/ginauth"},
	"google.golang.org/grpc":        {"extauthz"},
	"github.com/envoyproxy":         {"extauthz"},
	"github.com/casbin/casbin":      {"policy", "policy/stockcasbin"},
	"github.com/redis/go-redis":     {"store", "store/storetest"},
	"github.com/alicebob/miniredis": {"store"},
}

// TestLayering fails for an import that the house does not have: each
// package's own, test files apart.
func TestLayering(t *testing.T) {
	for file, imports := range sources(t) {
		from := path.Dir(filepath.ToSlash(file))
		allowed, known := mayImport[from]
		if !known {
			t.Errorf("%s: package %q is not in the house; say in layering_test.go what it may import", file, from)
			continue
		}
		for _, imp := range imports {
			if to, ours := strings.CutPrefix(imp, module); ours {
				to = strings.TrimPrefix(to, "/")
				if to == "" {
					to = "."
				}
				if !slices.Contains(allowed, to) {
					t.Errorf("%s imports %s, which does not lie below %s", file, imp, from)
				}
			}
			for library, homes := range mayUse {
				if strings.HasPrefix(imp, library) && !slices.Contains(homes, from) {
					t.Errorf("%s imports %s, which belongs in %v only", file, imp, homes)
				}
			}
			if from == "internal/oracle" && strings.Contains(imp, ".") {
				t.Errorf("%s imports %s; the oracle shares nothing with anybody", file, imp)
			}
		}
	}
}

// sources returns the imports of every Go file that is not a test.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || file == "bench" || (strings.HasPrefix(d.Name(), ".") && file != ".")):
			return fs.SkipDir
		case d.IsDir(), !strings.HasSuffix(file, ".go"), strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		found[file] = nil
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[file] = append(found[file], imp)
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("no sources were read: %v", err)
	}
	return found
}
