#!/usr/bin/env bash
# kafka.sh DIR [PORT [CONTROLLER_PORT]]: a one-node Kafka on loopback, in the foreground, for trials and tests.
#
# DIR holds the broker's data and settings; a later start with the same DIR finds the same streams.
# Not for production: one node, no replicas, no encryption.
# KAFKA_EXTRA names a file of further settings, which take precedence over those here (for example, listeners with TLS).
# KAFKA_JVM_OPTS replaces the JVM's options, KAFKA_LOG_LEVEL (default warn) sets what is printed.
# With "--fetch" as the only argument, it fetches the jars and exits.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: kafka.sh DIR [PORT [CONTROLLER_PORT]] | kafka.sh --fetch" >&2; exit 2; }
# shellcheck source=deploy/local/jars.sh
. "${BASH_SOURCE[0]%/*}/jars.sh"
fetch_jars kafka
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
# A killed broker can only return when its session has expired; the default of nine seconds is a long wait on a laptop.
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
[ -z "${KAFKA_EXTRA:-}" ] || cat "$KAFKA_EXTRA" >>"$dir/server.properties"

log=(-Dorg.slf4j.simpleLogger.defaultLogLevel="${KAFKA_LOG_LEVEL:-warn}" -Dorg.slf4j.simpleLogger.showDateTime=true)
if [ ! -f "$dir/data/meta.properties" ]; then
  # A cluster id is 16 random bytes in base64 for URLs; it may not begin with a dash, so dashes are not used at all.
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '=')
  java "${log[@]}" -XX:TieredStopAtLevel=1 -cp "$jars/*" kafka.tools.StorageTool format -c "$dir/server.properties" -t "$id" >/dev/null
fi
# shellcheck disable=SC2086
exec java ${KAFKA_JVM_OPTS:--Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1} "${log[@]}" \
  -cp "$jars/*" kafka.Kafka "$dir/server.properties"
