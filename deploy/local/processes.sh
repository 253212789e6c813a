# processes.sh: sourced by up.sh and down.sh, which set "dir". DIR/run/NAME holds a process's id and start time (field 22 of
# /proc/ID/stat), so a process that was given the same id later is never signalled.
# shellcheck shell=bash disable=SC2154

# start_time ID: prints when the process started, in the kernel's ticks; fails if it does not exist or is a zombie.
start_time() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The name is in brackets and may contain any character: the fields after the last bracket begin with the state.
  read -ra fields <<<"${stat##*) }"
  [ "${fields[0]}" != Z ] || return 1
  echo "${fields[19]}"
}

# alive NAME: succeeds if the process that was started under this name runs.
alive() {
  local id began
  { read -r id began <"$dir/run/$1"; } 2>/dev/null || return 1
  [ "$(start_time "$id")" = "$began" ]
}

# start NAME COMMAND...: starts it in the background, in its own process group, with its log in DIR/logs; does nothing if it runs.
start() {
  local name=$1 id
  shift
  if alive "$name"; then return 0; fi
  setsid "$@" >>"$dir/logs/$name.log" 2>&1 </dev/null &
  id=$!
  echo "$id $(start_time "$id")" >"$dir/run/$name"
}

# wait_for NAME WHAT COMMAND...: waits until the command succeeds; if the process ends first, prints the end of its log and fails.
wait_for() {
  local name=$1 what=$2 tries=0
  shift 2
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if ! alive "$name" || [ "$tries" -gt 600 ]; then
      echo "up.sh: $name: no $what; the end of $dir/logs/$name.log:" >&2
      tail -n 15 "$dir/logs/$name.log" >&2
      return 1
    fi
    sleep 0.2
  done
}

# listens PORT: succeeds if something accepts connections on loopback.
listens() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# stop NAME SIGNAL: sends the signal to the process, and kills its whole group after 30 s.
stop() {
  local id tries=0
  if alive "$1"; then
    read -r id _ <"$dir/run/$1"
    kill -s "$2" "$id" 2>/dev/null || true
    while alive "$1"; do
      tries=$((tries + 1))
      if [ "$tries" -gt 150 ]; then
        echo "down.sh: $1 did not end in 30 s: killed" >&2
        break
      fi
      sleep 0.2
    done
    # Remaining children: worker processes, a JVM under a shell.
    kill -s KILL -- "-$id" 2>/dev/null || true
  fi
  rm -f "$dir/run/$1"
}
