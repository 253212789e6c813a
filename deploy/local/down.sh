#!/usr/bin/env bash
# down.sh DIR: stops what up.sh DIR started, each process before the servers that it uses. The data stays in DIR.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: down.sh DIR" >&2; exit 2; }
[ -d "$1/run" ] || { echo "down.sh: $1 is not a folder of up.sh" >&2; exit 1; }
dir=$(cd "$1" && pwd)
# shellcheck source=deploy/local/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/processes.sh"
for name in desk delivery connectors pipeline jobserver workers taskmanager jobmanager kafka; do stop "$name" TERM; done
# PostgreSQL's signal for a fast, orderly shutdown.
stop postgres INT
