#!/usr/bin/env bash
# Runs the compatibility suite: real clients and mqadmin against a cluster.
#
#   run.sh [apache|actormq|both] [case-filter]
#   run.sh serve [apache|actormq]    start the shared cluster only and print its environment
#   run.sh sdk [apache|actormq|both] [test-filter]   the tests of actormq's own SDK against those brokers
#
# The filter is a regular expression matched against "suite/case", e.g. java/ or
# 'Send|DLQ'. Needs Go, a JDK 17 or newer and Maven 3.8 or newer; fetches
# everything else from the Go proxy and Maven Central. ACTORMQ_BINARY names the
# actormq executable to test; without it, ./cmd/actormq is built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

need() { command -v "$1" >/dev/null || { echo "compat: $1 not found: $2" >&2; exit 2; }; }
need go "install Go 1.26"
need java "install a JDK 17"
need javac "a JRE is not enough, install a JDK 17"
need mvn "install Maven 3.8"
version=$(javac -version 2>&1 | sed -E 's/^javac ([0-9]+).*/\1/')
[ "$version" -ge 17 ] || { echo "compat: JDK $version found, 17 or newer needed" >&2; exit 2; }

export GOWORK=off GOFLAGS="${GOFLAGS:-} -buildvcs=false"
mkdir -p .cache/bin
go build -o .cache/bin/compat .
exec .cache/bin/compat "$@" </dev/null
