#!/bin/sh
# Starts Beam's job server within its image, in place of the image's own script, for compose.yaml and job-server.yaml.
#
# The image's script ignores SIGTERM as process 1, so the server was killed at the end of its grace period. This script passes
# the signal on and ends when the server ends, with status 0 if the signal ended it.
set -u

server='' asked=''
stop() {
  asked=yes
  [ -z "$server" ] || kill -s TERM "$server" 2>/dev/null
}
trap stop TERM INT

# The working folder of the image has the jars.
java -cp 'jars/*' org.apache.beam.runners.flink.FlinkJobServerDriver "$@" &
server=$!
# A signal may have arrived before the server's process id was known.
[ -z "$asked" ] || stop
wait "$server"
status=$?
# A signal ends the wait at once, but not the server.
while kill -0 "$server" 2>/dev/null; do
  wait "$server"
  status=$?
done
# The exit status of a JVM that SIGTERM ended.
[ -z "$asked" ] || [ "$status" -ne 143 ] || status=0
exit "$status"
