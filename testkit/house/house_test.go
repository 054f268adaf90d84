// Package house checks the rules of this code base that no linter knows:
// the one-way flow of imports, the environment seam, and a doc for every
// package.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/actormq/actormq/"

// mayImport lists, for each top-level folder, which others it may import. The
// root package (the SDK), cmd and testkit may import all of them.
var mayImport = map[string][]string{
	"messages":  {"messages"},
	"storage":   {"messages", "storage"},
	"transport": {"messages", "transport"},
	"actors":    {"messages", "storage", "transport", "actors"},
}

func TestImportsFlowOneWay(t *testing.T) {
	eachFile(t, func(path string, file *ast.File) {
		allowed, ruled := mayImport[top(path)]
		if !ruled {
			return
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if rest, ours := strings.CutPrefix(name, module); ours {
				require.Contains(t, allowed, top(rest), "%s imports %s, against messages <- storage, transport <- actors", path, name)
			}
		}
	})
}

// seams are the files that implement the environment and therefore touch what
// nothing else may.
var seams = map[string]bool{
	"actors/env/env.go": true, // the system clock and random source
	"storage/vfs":       true,
	"transport/tcp":     true,
	"actors/config":     true, // reads the file it is given
}

var forbidden = map[string][]string{
	"time": {"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"},
	"os":   {"Open", "OpenFile", "Create", "Rename", "Remove", "ReadFile", "WriteFile", "MkdirAll"},
	"net":  {"Dial", "Listen", "DialTimeout"},
}

func TestNothingReachesPastTheSeam(t *testing.T) {
	eachFile(t, func(path string, file *ast.File) {
		switch top(path) {
		case "actors", "storage", "messages":
		default:
			return
		}
		if seams[path] || seams[filepath.Dir(path)] {
			return
		}
		for _, spec := range file.Imports {
			require.NotContains(t, spec.Path.Value, "math/rand", "%s: randomness comes from the environment", path)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := call.X.(*ast.Ident)
			if ok && pkg.Obj == nil {
				require.NotContains(t, forbidden[pkg.Name], call.Sel.Name, "%s uses %s.%s past the environment seam", path, pkg.Name, call.Sel.Name)
			}
			return true
		})
	})
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	eachFile(t, func(path string, file *ast.File) {
		dir := filepath.Dir(path)
		documented[dir] = documented[dir] || file.Doc != nil
	})
	require.NotEmpty(t, documented)
	for dir, ok := range documented {
		require.True(t, ok, "package %s has no package comment", dir)
	}
}

func top(path string) string { return strings.SplitN(path, "/", 2)[0] }

// eachFile parses every Go file of the module that is no test, and calls visit
// with its slash-separated path below the module's root.
func eachFile(t *testing.T, visit func(path string, file *ast.File)) {
	t.Helper()
	root := os.DirFS("../..")
	seen := 0
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && (strings.HasPrefix(d.Name(), ".") || path == "testkit/compat" || d.Name() == "testdata" || d.Name() == "data") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments)
		if err != nil {
			return err
		}
		seen++
		visit(path, file)
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, seen, 10)
}
