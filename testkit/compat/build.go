package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/actormq/actormq/testkit/compat/cluster"
)

// build makes everything that runs, below the git-ignored folder cache. What
// Maven made is kept until its sources change.
type build struct {
	dir    string // testkit/compat
	cache  string
	binary string // actormq's executable, if it is under test
}

// goPackages are the suites written in Go; each becomes a test binary.
var goPackages = []string{"goclient", "mixed", "mqadmin", "interchange", "replication", "embedded"}

func (b *build) jars() string        { return filepath.Join(b.cache, "apache", "lib") }
func (b *build) bin(n string) string { return filepath.Join(b.cache, "bin", n) }

// root makes the folder of one run, and deletes those of failed runs that are
// older than a day.
func (b *build) root(kind cluster.Kind) (string, error) {
	runs := filepath.Join(b.cache, "runs")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return "", err
	}
	old, err := os.ReadDir(runs)
	if err != nil {
		return "", err
	}
	for _, dir := range old {
		if info, err := dir.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(filepath.Join(runs, dir.Name())) // it does no harm if it stays
		}
	}
	return os.MkdirTemp(runs, string(kind)+"-")
}

// javaClassPath has the Java cases and the client they use.
func (b *build) javaClassPath() string {
	home := filepath.Join(b.cache, "javaclient")
	return filepath.Join(home, "target", "classes") + string(os.PathListSeparator) + filepath.Join(home, "lib", "*")
}

func (b *build) launcher(root string) *cluster.Launcher {
	return &cluster.Launcher{Root: root, Jars: b.jars(), Binary: b.binary}
}

func (b *build) all(ctx context.Context, targets []cluster.Kind) error {
	if err := b.maven(ctx, "apache", "dependency:copy-dependencies"); err != nil {
		return err
	}
	if err := b.maven(ctx, "javaclient", "compile", "dependency:copy-dependencies"); err != nil {
		return err
	}
	for _, pkg := range goPackages {
		if err := b.command(ctx, b.dir, "go", "test", "-c", "-o", b.bin(pkg+".test"), "./"+pkg); err != nil {
			return err
		}
	}
	for _, pkg := range []string{"worker", "sdkworker"} {
		if err := b.command(ctx, b.dir, "go", "build", "-o", b.bin(pkg), "./"+pkg); err != nil {
			return err
		}
	}
	if !slices.Contains(targets, cluster.Actormq) {
		return nil
	}
	return b.actormq(ctx)
}

// actormq takes the executable that ACTORMQ_BINARY names, or builds it.
func (b *build) actormq(ctx context.Context) error {
	if given := os.Getenv("ACTORMQ_BINARY"); given != "" {
		path, err := filepath.Abs(given)
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("ACTORMQ_BINARY: %w", err)
		}
		b.binary = path
		return nil
	}
	b.binary = b.bin("actormq")
	return b.command(ctx, filepath.Join(b.dir, "..", ".."), "go", "build", "-o", b.binary, "./cmd/actormq")
}

// maven runs goals on the project in folder name, unless they ran on the same
// sources before.
func (b *build) maven(ctx context.Context, name string, goals ...string) error {
	sum, err := hash(filepath.Join(b.dir, name))
	if err != nil {
		return err
	}
	home := filepath.Join(b.cache, name)
	stamp := filepath.Join(home, "built")
	if old, err := os.ReadFile(stamp); err == nil && string(old) == sum {
		return nil
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	args := append([]string{"-q", "-B", "-ntp", "-f", filepath.Join(b.dir, name, "pom.xml")}, goals...)
	args = append(args, "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(home, "lib"))
	if err := b.command(ctx, b.dir, "mvn", args...); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(sum), 0o644)
}

// hash names the contents of all files below dir.
func hash(dir string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// command runs a build step quietly; its output is in the error if it fails.
func (b *build) command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return errors.Join(fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err), errors.New(string(out)))
	}
	return nil
}

// env is what every suite finds in its environment.
func (b *build) env(kind cluster.Kind, root string) []string {
	return []string{
		cluster.EnvTarget + "=" + string(kind),
		cluster.EnvRoot + "=" + root,
		cluster.EnvJars + "=" + b.jars(),
		cluster.EnvBinary + "=" + b.binary,
		"COMPAT_JAVA_CLASSPATH=" + b.javaClassPath(),
		"COMPAT_GO_WORKER=" + b.bin("worker"),
		"COMPAT_SDK_WORKER=" + b.bin("sdkworker"),
		"ROCKETMQ_GO_LOG_LEVEL=error",
		"HOME=" + root, // both clients keep offsets and logs below the home folder
	}
}
