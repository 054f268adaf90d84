#!/usr/bin/env bash
# Runs every fuzz target of the module with $FUZZTIME inputs each (go test takes one target at a time).
set -euo pipefail
cd "$(dirname "$0")/../.."
go=${GO:-go} time=${FUZZTIME:-50000x} count=0
while IFS=: read -r file target; do
  dir=./$(dirname "$file")
  echo "fuzz $dir $target"
  "$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir"
  count=$((count + 1))
done < <(git ls-files '*_test.go' | grep -v '^testkit/compat/' | xargs grep -oE '^func (Fuzz[A-Za-z0-9_]+)' | sed -E 's/func //')
[ "$count" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "$count fuzz targets passed"
