#!/usr/bin/env bash
# kafka.sh DIR [PORT [CONTROLLER_PORT]]: a one-node Kafka on loopback, in the foreground, for trials and tests.
#
# DIR keeps the broker's data and settings; starting again with the same DIR finds the same streams. The jars come from
# Maven on the first start and stay in the project's .cache/; a changed kafka-pom.xml fetches anew. Needs a JDK 17 or
# newer and Maven. Not for production: one node, no replicas, no encryption.
# KAFKA_JVM_OPTS replaces the JVM's options, KAFKA_LOG_LEVEL (default warn) sets what is printed.
# With "--fetch" as the only argument: fetches the jars and ends.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: kafka.sh DIR [PORT [CONTROLLER_PORT]] | kafka.sh --fetch" >&2; exit 2; }
need() {
  command -v "$1" >/dev/null || { echo "kafka.sh: $1 not found: install a JDK (17 or newer) and Maven" >&2; exit 1; }
}
need java

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pom=$here/kafka-pom.xml
cache=$here/../../.cache
digest=$(cksum <"$pom" | tr -s ' \t' '-')
mkdir -p "$cache"
jars=$(cd "$cache" && pwd)/kafka-$digest

if [ ! -d "$jars" ]; then
  need mvn
  # Fetched beside and renamed, so that a broken download never looks like a whole one.
  fetched=$(mktemp -d "$jars.XXXXXX")
  trap 'rm -rf "$fetched"' EXIT
  mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fetched"
  [ -d "$jars" ] || mv "$fetched" "$jars"
  trap - EXIT
  rm -rf "$fetched"
fi
[ "$1" != --fetch ] || exit 0

mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=${2:-9092}
controller=${3:-$((port + 1))}
cat >"$dir/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$dir/data
num.partitions=4
auto.create.topics.enable=false
# A killed broker may only come back when its session is over; nine seconds, the default, is long to wait for on a laptop.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
P

log=(-Dorg.slf4j.simpleLogger.defaultLogLevel="${KAFKA_LOG_LEVEL:-warn}" -Dorg.slf4j.simpleLogger.showDateTime=true)
if [ ! -f "$dir/data/meta.properties" ]; then
  # A cluster id is 16 random bytes in base64 for URLs; it may not begin with a dash, so dashes are not used at all.
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '=')
  java "${log[@]}" -XX:TieredStopAtLevel=1 -cp "$jars/*" kafka.tools.StorageTool format -c "$dir/server.properties" -t "$id" >/dev/null
fi
# shellcheck disable=SC2086
exec java ${KAFKA_JVM_OPTS:--Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1} "${log[@]}" \
  -cp "$jars/*" kafka.Kafka "$dir/server.properties"
