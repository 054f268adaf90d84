#!/usr/bin/env bash
# Measures the SDK beside rocketmq-client-go v2.1.2 at a broker of this project, and
# writes the section of docs/performance.md about it.
#
#   bench-sdk.sh [flag of sdkbench ...]      e.g. bench-sdk.sh -pairs 9 -only consume
#
# Needs nothing but Go. Let nothing else run on the machine meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export GOWORK=off GOFLAGS="${GOFLAGS:-} -buildvcs=false"
mkdir -p .cache/bin
(cd ../.. && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o testkit/compat/.cache/bin/actormq ./cmd/actormq)
go build -o .cache/bin/sdkbench ./sdkbench
exec .cache/bin/sdkbench -binary .cache/bin/actormq -out ../../docs/performance.md "$@"
