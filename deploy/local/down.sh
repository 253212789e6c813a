#!/usr/bin/env bash
# down.sh DIR: ends what up.sh DIR started, readers before what they read from. The data stay in DIR.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: down.sh DIR" >&2; exit 2; }
[ -d "$1/run" ] || { echo "down.sh: $1 is not a folder of up.sh" >&2; exit 1; }
dir=$(cd "$1" && pwd)
# shellcheck source=deploy/local/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/processes.sh"
for name in desk delivery connectors pipeline jobserver workers taskmanager jobmanager kafka; do stop "$name" TERM; done
# PostgreSQL's own word for "end now, but in good order".
stop postgres INT
