#!/bin/bash
# DESCRIPTION: no room for what the tool writes: at each of its writes, and on a disk that is full at each point of a downgrade
# STRATEGY: each write fails once, half done; the disk of the state folder (then of everything) is filled at each point; each time backout continues, or says why it cannot and continues when there is room
# stage: redis-upgraded
# uses: backout
# faults: storage
# when: all
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/full.sh
change=/var/lib/backout/changes/$(change_id)

echo "== programs that do not look whether what they print is written: what the tool guards against"
if zfs list -H >/dev/full 2>/dev/null; then echo "zfs list: ends well on a full disk"; fi
if redis-cli info >/dev/full 2>/dev/null; then echo "redis-cli: ends well on a full disk"; fi

echo "== each write fails once; nothing of the log is ever written"
# A file of its own disk, which has not a page left: a link would be refused.
mkdir /run/no-room
mount -t tmpfs -o size=4k,mode=700 tmpfs /run/no-room
install -m 600 /dev/null /run/no-room/log
head -c 4096 /dev/zero >/run/no-room/filler
if echo >>/run/no-room/log 2>/dev/null; then echo "there is room" >&2; exit 1; fi
mount --bind /run/no-room/log "$change/log"
full_everywhere downgrade --keep
redis_version | grep -F 7.0
same_redis /root/dump-new
full_everywhere undo
redis_version | grep -F 8.0
same_redis /root/dump-new
[ ! -s "$change/log" ]
umount "$change/log" /run/no-room
fault "no room for the log" resumed

echo "== the disk of everything is full at each point: state, packages, configuration, temporary files"
# The pool keeps its own.
fallocate -l "$(stat -c %s /srv/pools/7-tank.img)" /srv/pools/7-tank.img
full_at_every_point /srv downgrade --keep
redis_version | grep -F 7.0
same_redis /root/dump-new
backout undo --yes
same_redis /root/dump-new

echo "== the disk of the state folder is full at each point, in place"
# More than the check of the room asks for.
truncate -s 128M /srv/state.img
mke2fs -q -t ext4 -b 1024 -m 0 /srv/state.img
mkdir /root/state
mount -o loop /srv/state.img /root/state
cp -a /var/lib/backout/. /root/state/
umount /root/state
mount -o loop /srv/state.img /var/lib/backout
chmod 700 /var/lib/backout
full_at_every_point /var/lib/backout downgrade --in-place
redis_version | grep -F 7.0
same_redis /root/dump-new
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
