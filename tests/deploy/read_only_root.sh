#!/bin/sh
# read_only_root.sh ROOT DATA PYTHON FOLDERS COMMAND...: run a command as the image of deploy/Containerfile would: uid 10001,
# no capabilities, a root that cannot be written, /tmp in memory. It needs root and "unshare --mount".
# DATA is /var/lib/wirewatch there, PYTHON (an environment) /opt/wirewatch; FOLDERS, separated by colons, keep their places.
set -eu
PATH=$PATH:/usr/sbin:/sbin
root=$1 data=$2 python=$3 folders=$4
shift 4
mount --make-rprivate /
mount -t tmpfs -o mode=755 none "$root"

show() {
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
  mount -o remount,ro,bind "$root$2"
}

for folder in /usr /etc; do show "$folder" "$folder"; done
for folder in /bin /sbin /lib /lib64; do
  if [ -L "$folder" ]; then cp -P "$folder" "$root$folder"; elif [ -d "$folder" ]; then show "$folder" "$folder"; fi
done
IFS=:
for folder in $folders; do show "$folder" "$folder"; done
unset IFS
show "$python" /opt/wirewatch
mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/var/lib/wirewatch"
mount --rbind /proc "$root/proc"
for device in null zero random urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 none "$root/dev/shm"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mount --bind "$data" "$root/var/lib/wirewatch"
mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --inh-caps=-all \
  --no-new-privs sh -c 'cd /var/lib/wirewatch && exec "$@"' sh "$@"
