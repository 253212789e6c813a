#!/usr/bin/env bash
# flink.sh DIR [PORT]: Beam's job server with a Flink mini-cluster in it, on loopback, in the foreground.
#
# DIR holds staged artifacts. PORT (default 8099) accepts jobs; PORT+1 and PORT+2 serve artifacts and expansion.
# FLINK_MASTER (default [local], a mini-cluster) may name a cluster's REST address instead. FLINK_JVM_OPTS replaces the
# JVM's memory options. Uses Beam 2.62.0 with Flink 1.19, the newest pair for which Maven resolves all thin jars.
# With "--fetch" as the only argument, it fetches the jars and exits.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: flink.sh DIR [PORT] | flink.sh --fetch" >&2; exit 2; }
# shellcheck source=deploy/local/jars.sh
. "$(dirname "${BASH_SOURCE[0]}")/jars.sh"
fetch_jars flink
[ "$1" != --fetch ] || exit 0

mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=${2:-8099}
open=()
for package in java.nio java.util java.lang java.time; do open+=("--add-opens=java.base/$package=ALL-UNNAMED"); done
# shellcheck disable=SC2086
exec java ${FLINK_JVM_OPTS:--Xmx1g -XX:+UseSerialGC} "${open[@]}" \
  -Dorg.slf4j.simpleLogger.defaultLogLevel="${FLINK_LOG_LEVEL:-warn}" -Dorg.slf4j.simpleLogger.showDateTime=true \
  -cp "$jars/*" org.apache.beam.runners.flink.FlinkJobServerDriver --job-host=127.0.0.1 --job-port="$port" \
  --artifact-port="$((port + 1))" --expansion-port="$((port + 2))" --artifacts-dir="$dir/artifacts" \
  --flink-master="${FLINK_MASTER:-[local]}"
