#!/bin/bash
# DESCRIPTION: storage that has no room in a downgrade: a quota, a full disk under the capture, a full pool
# STRATEGY: one fault after the other on the upgraded guest: the downgrade goes through all the same, or stops with the fault named and nothing lost
# stage: redis-upgraded
# uses: backout
# faults: yes
# when: all
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

echo "== the upgraded dataset has a quota that leaves no room"
zfs set refquota="$(zfs get -Hp -o value referenced tank/redis)" tank/redis
expect_one_of 0 3 backout downgrade --keep --yes
zfs set refquota=none tank/redis
if backout --json status | grep -qF '"state":"upgraded"'; then fault "quota without room" halted; else
  backout undo --yes
  fault "quota without room" resumed
fi
same_redis /root/dump-new

echo "== the disk under the capture is full"
store=/var/lib/backout/changes/$(change_id)
crash_at capture:started downgrade --keep
mount -t tmpfs -o size=64k tmpfs "$store/capture"
expect 1 backout resume 2>&1 | tee /root/said
grep -F 'No space left on device' /root/said
umount "$store/capture"
fault "no room for the capture" halted
backout abort --yes
same_redis /root/dump-new

echo "== the pool is full: the upgraded state cannot be kept, in place it goes through"
zfs create -o mountpoint=/srv/fill tank/filler
dd if=/dev/urandom of=/srv/fill/filler bs=64k 2>/dev/null || true
sync
zfs list -o name,used,avail tank
expect 3 backout downgrade --keep --yes
backout downgrade --in-place --yes
redis_version | grep -F 7.0
rm -f /srv/fill/filler
same_redis /root/dump-new
fault "full pool" resumed
