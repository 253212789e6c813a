#!/bin/sh
# Starts Beam's job server within its image, in place of the image's own script, for compose.yaml and job-server.yaml.
#
# That one, as process 1, takes no notice of SIGTERM: the server was killed at the end of its grace period. This passes
# the signal on and ends with the server, with status 0 if the signal is why it ended.
set -u

server='' asked=''
stop() {
  asked=yes
  [ -z "$server" ] || kill -s TERM "$server" 2>/dev/null
}
trap stop TERM INT

# The image's working folder is that of its jars.
java -cp 'jars/*' org.apache.beam.runners.flink.FlinkJobServerDriver "$@" &
server=$!
# A signal that came before the server had a number.
[ -z "$asked" ] || stop
wait "$server"
status=$?
# A signal ends the wait, but not at once the server.
while kill -0 "$server" 2>/dev/null; do
  wait "$server"
  status=$?
done
# How a JVM ends that SIGTERM has ended.
[ -z "$asked" ] || [ "$status" -ne 143 ] || status=0
exit "$status"
