#!/usr/bin/env bash
# mirror.sh DIR SOURCE TARGET: Kafka's MirrorMaker 2 from one broker to another (HOST:PORT each), in the foreground, for trials
# and tests of a takeover (docs/operations.md, "Another cluster takes over").
#
# Mirrors Wirewatch's streams under the same names, with the timestamps of their records, and the positions of groups wirewatch-*.
# DIR holds its settings. MIRROR_TOPICS (a pattern) selects the streams, MIRROR_LOG_LEVEL (default warn) sets what is printed.
# With "--fetch" as the only argument, it fetches the jars and exits.
set -euo pipefail

[ $# -eq 3 ] || [ "${1:-}" = --fetch ] || { echo "usage: mirror.sh DIR SOURCE TARGET | mirror.sh --fetch" >&2; exit 2; }
# shellcheck source=deploy/local/jars.sh
. "${BASH_SOURCE[0]%/*}/jars.sh"
fetch_jars mirror
[ "$1" != --fetch ] || exit 0

mkdir -p "$1"
dir=$(cd "$1" && pwd)
cat >"$dir/mirror.properties" <<P
clusters=source,target
source.bootstrap.servers=$2
target.bootstrap.servers=$3
source->target.enabled=true
target->source.enabled=false
source->target.topics=${MIRROR_TOPICS:-raw-articles}
source->target.groups=wirewatch-.*
# The same names, so that no setting has to change when the other cluster takes over.
replication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy
sync.group.offsets.enabled=true
sync.group.offsets.interval.seconds=5
emit.checkpoints.interval.seconds=5
refresh.topics.interval.seconds=5
refresh.groups.interval.seconds=5
sync.topic.acls.enabled=false
emit.heartbeats.enabled=false
offset.lag.max=0
tasks.max=2
# One broker each.
replication.factor=1
checkpoints.topic.replication.factor=1
heartbeats.topic.replication.factor=1
offset-syncs.topic.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
config.storage.replication.factor=1
P
# shellcheck disable=SC2086
exec java ${MIRROR_JVM_OPTS:--Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1} \
  -Dorg.slf4j.simpleLogger.defaultLogLevel="${MIRROR_LOG_LEVEL:-warn}" -Dorg.slf4j.simpleLogger.showDateTime=true \
  -cp "$jars/*" org.apache.kafka.connect.mirror.MirrorMaker "$dir/mirror.properties"
