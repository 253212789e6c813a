#!/usr/bin/env bash
# up.sh DIR [--slices] [--servers]: Kafka, PostgreSQL, Flink and Wirewatch on this machine, without containers.
#
# Flink is a job manager and a task manager, each in its own JVM, with Beam's job server and a pool of Python workers.
# --slices leaves Flink out (Wirewatch then processes the stream by itself), --servers leaves out Wirewatch's own services.
# A second call starts only what does not run. DIR holds the data, the logs (DIR/logs) and the settings for other commands
# (DIR/env). Stop everything with down.sh DIR. Nothing restarts a process that dies.
# PORT_BASE (default 19000) is the first of ten ports on loopback. Needs a JDK (17 or newer), Maven and the system's
# PostgreSQL. If root runs it, PostgreSQL runs as the user "postgres", which must be able to enter DIR.
# For trials and tests only: one machine, no passwords, no encryption.
set -euo pipefail

usage() { echo "usage: up.sh DIR [--slices] [--servers]" >&2; exit 2; }
fail() { echo "up.sh: $1" >&2; exit 1; }
[ $# -ge 1 ] && [ "${1#-}" = "$1" ] || usage
target=$1 flink=yes services=yes
shift
for option in "$@"; do
  case $option in
    --slices) flink= ;;
    --servers) services= ;;
    *) usage ;;
  esac
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
for tool in java mvn setsid; do command -v "$tool" >/dev/null || fail "$tool not found: install a JDK (17 or newer), Maven and util-linux"; done
"$python" -c 'import wirewatch' 2>/dev/null || fail "no Wirewatch in $python: run make install, or set PYTHON"
"$python" -c 'import psycopg' 2>/dev/null || fail "no PostgreSQL driver: run $python -m pip install --require-hashes -r $root/deploy/constraints-postgres.txt"
bin=$(command -v pg_ctl >/dev/null && dirname "$(readlink -f "$(command -v pg_ctl)")" || true)
for found in /usr/lib/postgresql/*/bin; do [ -x "$found/initdb" ] && bin=$found; done
[ -n "$bin" ] || fail "PostgreSQL not found: install it (on Debian: apt-get install postgresql)"

mkdir -p "$target"/{logs,run,kafka,flink,postgres}
dir=$(cd "$target" && pwd)
# shellcheck source=deploy/local/processes.sh
. "$here/processes.sh"
base=${PORT_BASE:-19000}
kafka=$base controller=$((base + 1)) rest=$((base + 2)) rpc=$((base + 3)) job=$((base + 4)) workers=$((base + 7)) desk=$((base + 8))

as_postgres=()
if [ "$(id -u)" = 0 ]; then
  id postgres >/dev/null 2>&1 || fail "PostgreSQL refuses to run as root, and there is no user postgres"
  as_postgres=(runuser -u postgres --)
  chown -R postgres "$dir/postgres"
  "${as_postgres[@]}" test -x "$dir/postgres" || fail "the user postgres can't enter $dir: choose a folder open to all"
fi
socket=$dir/postgres
[ ${#socket} -le 80 ] || fail "$dir is too long a path for PostgreSQL's socket: choose a shorter one"
if [ ! -s "$dir/postgres/data/PG_VERSION" ]; then
  (cd "$dir/postgres" && "${as_postgres[@]}" "$bin/initdb" -D data -U wirewatch -E UTF8 --auth-local=trust --auth-host=reject) \
    >>"$dir/logs/postgres.log" 2>&1 || fail "initdb failed: see $dir/logs/postgres.log"
fi

start kafka "$here/kafka.sh" "$dir/kafka" "$kafka" "$controller"
# Not with runuser, which would stay between us and the server: only a short-lived shell changes the user.
if [ ${#as_postgres[@]} -gt 0 ]; then
  start postgres setpriv --reuid=postgres --regid=postgres --init-groups "$bin/postgres" -D "$dir/postgres/data" -k "$socket" -c listen_addresses=
else
  start postgres "$bin/postgres" -D "$dir/postgres/data" -k "$socket" -c listen_addresses=
fi
export FLINK_REST_PORT=$rest FLINK_RPC_PORT=$rpc
if [ "$flink" ]; then
  start jobmanager "$here/flink-cluster.sh" "$dir/flink" jobmanager
  start taskmanager "$here/flink-cluster.sh" "$dir/flink" taskmanager
  FLINK_MASTER=127.0.0.1:$rest start jobserver "$here/flink.sh" "$dir/flink" "$job"
  # Settings from the caller's environment must not reach the workers' Python.
  start workers "$python" -m pipeline.drivers.workers "$workers"
fi

wait_for postgres "connections" "$bin/pg_isready" -h "$socket" -U wirewatch
"$bin/psql" -h "$socket" -U wirewatch -d postgres -Atqc "SELECT 1 FROM pg_database WHERE datname = 'wirewatch'" | grep -q 1 ||
  "$bin/createdb" -h "$socket" -U wirewatch wirewatch
wait_for kafka "broker that takes requests" "$python" -c "
from kafka.admin import KafkaAdminClient
admin = KafkaAdminClient(bootstrap_servers='127.0.0.1:$kafka', bootstrap_timeout_ms=2000, request_timeout_ms=2000)
raise SystemExit(all(broker['is_fenced'] for broker in admin.describe_cluster()['brokers']))"
cat >"$dir/env" <<V
WIREWATCH_DATA_DIR=$dir/data
WIREWATCH_STREAM_URL=kafka://127.0.0.1:$kafka
WIREWATCH_STORE_URL=postgresql://wirewatch@/wirewatch?host=$socket
V
set -a
# shellcheck source=/dev/null
. "$dir/env"
set +a
"$python" -m wirewatch streams create >>"$dir/logs/streams.log" || fail "the streams can't be made: see above"
options=()
if [ "$flink" ]; then
  wait_for workers "port $workers" listens "$workers"
  wait_for jobserver "port $job" listens "$job"
  wait_for taskmanager "task manager at the job manager" \
    "$python" -c "import json, urllib.request as r; raise SystemExit(not json.load(r.urlopen('http://127.0.0.1:$rest/overview'))['taskmanagers'])"
  for option in --job_endpoint=127.0.0.1:"$job" --environment_type=EXTERNAL --environment_config=127.0.0.1:"$workers" \
    --parallelism=2 --externalized_checkpoints_enabled --retain_externalized_checkpoints_on_cancellation; do
    options+=(--beam-option="$option")
  done
  options=(--runner=PortableRunner --beam-option=--job_name=wirewatch-live "${options[@]}")
fi
if [ "$services" ]; then
  # A killed pipeline service leaves its job on the cluster.
  if [ "$flink" ] && ! alive pipeline; then "$python" "$here/../flink_jobs.py" "http://127.0.0.1:$rest" cancel wirewatch-live; fi
  start connectors "$python" -m wirewatch connectors run
  start pipeline "$python" -m wirewatch pipeline run "${options[@]}"
  start delivery "$python" -m wirewatch deliver
  start desk "$python" -m wirewatch desk --port "$desk"
fi
echo "Kafka 127.0.0.1:$kafka${services:+, desk http://127.0.0.1:$desk}${flink:+, Flink http://127.0.0.1:$rest, job server 127.0.0.1:$job, workers 127.0.0.1:$workers}"
echo "for other commands:  set -a; . $dir/env; set +a"
echo "logs in $dir/logs; stop it with ${here##"$PWD"/}/down.sh $dir"
