#!/usr/bin/env bash
# Measures actormq and Apache RocketMQ side by side and writes docs/performance.md.
#
#   run.sh [flag of compare ...]      e.g. run.sh -pairs 5 -duration 20s -only callers-64
#
# Needs Go, a JDK 17 or newer and Maven; fetches Apache's jars from Maven Central
# once. APACHE_JARS names a folder that has them already. Let nothing else run on
# the machine meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

jars=${APACHE_JARS:-}
if [ -z "$jars" ]; then
  jars=$PWD/testkit/compat/.cache/bench/lib
  if [ ! -d "$jars" ]; then
    mvn -q -B -ntp -f testkit/compat/apache/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars.part"
    mv "$jars.part" "$jars"
  fi
fi
mkdir -p bin
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/actormq ./cmd/actormq
go build -o bin/compare ./testkit/bench/compare
exec bin/compare -jars "$jars" -binary bin/actormq "$@"
