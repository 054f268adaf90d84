#!/usr/bin/env bash
# Measures actormq, Apache RocketMQ and the floor side by side, adds to
# testkit/bench/results.json and writes docs/performance.md from all that is there.
#
#   run.sh [flag of compare ...]
#   run.sh -list                                         the rows
#   run.sh -pairs 5 -only '^sync-1024$|^latency$'        some of them
#   run.sh -pairs 3 -duration 3s -warmup 6s -budget 25m  what there is time for
#   run.sh -pairs 0                                      only write the report
#
# Needs Go, a JDK 17 or newer and Maven; fetches Apache's jars from Maven Central
# once. APACHE_JARS names a folder that has them already. Let nothing else run on
# the machine meanwhile. The row of ten thousand connections needs a limit of
# 12,000 descriptors a process (ulimit -Hn).
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
ulimit -n "$(ulimit -Hn)" || true
mkdir -p bin
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/actormq ./cmd/actormq
go build -o bin/compare ./testkit/bench/compare
exec bin/compare -jars "$jars" -binary bin/actormq "$@"
