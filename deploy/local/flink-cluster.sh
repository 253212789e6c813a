#!/usr/bin/env bash
# flink-cluster.sh DIR jobmanager|taskmanager: one half of a real Flink cluster on loopback, in the foreground.
#
# Two JVMs instead of the mini-cluster inside flink.sh: a task manager can be killed and replaced, a job outlives Beam's
# job server, and checkpoints and savepoints stay in DIR. Start the jobmanager first, then any number of task managers,
# then the job server with FLINK_MASTER=127.0.0.1:REST_PORT deploy/local/flink.sh DIR.
# FLINK_REST_PORT (default 8081) and FLINK_RPC_PORT (default 6123) are ports of the jobmanager; FLINK_SLOTS (default 4) is the number
# of slots of a task manager. FLINK_CONFIG takes further lines of Flink's config.yaml, FLINK_JVM_OPTS replaces the JVM's memory options,
# and FLINK_LOG_LEVEL (default warn) sets what is printed.
# The REST API has no web pages: they are in a jar that Beam doesn't need. For trials and tests only: one host, no security.
set -euo pipefail

usage() { echo "usage: flink-cluster.sh DIR jobmanager|taskmanager" >&2; exit 2; }
[ $# -eq 2 ] || usage
case $2 in
  jobmanager) main=org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint heap=512m ;;
  taskmanager) main=org.apache.flink.runtime.taskexecutor.TaskManagerRunner heap=768m ;;
  *) usage ;;
esac
# shellcheck source=deploy/local/jars.sh
. "$(dirname "${BASH_SOURCE[0]}")/jars.sh"
fetch_jars flink

mkdir -p "$1"
dir=$(cd "$1" && pwd)
mkdir -p "$dir/conf" "$dir/checkpoints" "$dir/savepoints" "$dir/tmp"
# Renamed into place, since both halves may start at the same moment and write it.
cat >"$dir/conf/config.yaml.$$" <<Y
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: ${FLINK_RPC_PORT:-6123}
jobmanager.bind-host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: ${FLINK_REST_PORT:-8081}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: ${FLINK_SLOTS:-4}
# Flink's own script calculates these values; without it, each has to be given.
taskmanager.cpu.cores: 2
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 512m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 128m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
io.tmp.dirs: $dir/tmp
state.backend.type: hashmap
state.checkpoints.dir: file://$dir/checkpoints
state.savepoints.dir: file://$dir/savepoints
execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 2147483647
restart-strategy.fixed-delay.delay: 1 s
# A killed task manager is usually noticed by its broken connection; these limits apply if it isn't.
heartbeat.interval: 1000
heartbeat.timeout: 8000
${FLINK_CONFIG:-}
Y
mv "$dir/conf/config.yaml.$$" "$dir/conf/config.yaml"

open=()
for package in java.lang java.lang.invoke java.lang.reflect java.net java.nio java.text java.time java.util \
  java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks; do
  open+=("--add-opens=java.base/$package=ALL-UNNAMED")
done
# shellcheck disable=SC2086
exec env FLINK_CONF_DIR="$dir/conf" java ${FLINK_JVM_OPTS:--Xmx$heap -XX:MaxDirectMemorySize=320m -XX:+UseSerialGC} "${open[@]}" \
  -Dorg.slf4j.simpleLogger.defaultLogLevel="${FLINK_LOG_LEVEL:-warn}" -Dorg.slf4j.simpleLogger.showDateTime=true \
  -cp "$jars/*" "$main" --configDir "$dir/conf"
