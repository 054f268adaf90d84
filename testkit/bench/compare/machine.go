package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// describe names the machine.
func describe(o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- machine: %d × %s, %s of memory, Linux %s\n", runtime.NumCPU(), cpuModel(), memory(), kernel())
	fmt.Fprintf(&b, "- store: %s\n", filesystem(o.root))
	if o.jars != "" {
		fmt.Fprintf(&b, "- Apache RocketMQ 5.5.0 on %s\n", javaVersion())
	}
	if o.binary != "" {
		fmt.Fprintf(&b, "- actormq built with %s\n", runtime.Version())
	}
	return b.String()
}

func field(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func cpuModel() string { return field("/proc/cpuinfo", "model name") }

func memory() string {
	var kib int64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d", &kib); err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%d GiB", (kib+512<<10)>>20)
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}

func filesystem(dir string) string {
	out, err := exec.Command("df", "--output=fstype,source", dir).Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) < 2 {
		return "unknown"
	}
	return strings.Join(strings.Fields(lines[1]), " on ")
}

func javaVersion() string {
	out, err := exec.Command("java", "-version").CombinedOutput()
	if err != nil {
		return "unknown Java"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], ", ")
}
