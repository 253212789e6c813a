#!/usr/bin/env bash
# prism.sh: builds Prism, Beam's runner in one binary, from the Go module proxy into the project's .cache/ and prints its path.
#
# For `wirewatch pipeline run --runner prism --beam-option=--prism_location=PATH`. Of the version that Wirewatch's Beam has;
# what was built once is only named. Needs Go, which fetches a newer Go for itself where this Beam wants one.
set -euo pipefail

version=v2.77.0
command -v go >/dev/null || { echo "prism.sh: go not found: install Go (on Debian: apt-get install golang)" >&2; exit 1; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$here/../../.cache"
built=$(cd "$here/../../.cache" && pwd)/prism-$version
if [ ! -x "$built/prism" ]; then
  # Built beside and renamed, so that a broken build never looks like a whole one.
  fresh=$(mktemp -d "$built.XXXXXX")
  GOBIN=$fresh go install "github.com/apache/beam/sdks/v2/go/cmd/prism@$version" >&2 || { rm -rf "$fresh"; exit 1; }
  mkdir -p "$built"
  mv "$fresh/prism" "$built/prism"
  rm -rf "$fresh"
fi
echo "$built/prism"
