#!/bin/bash
# DESCRIPTION: storage that fails in a downgrade: a full pool, a quota, storage that runs out under the pool, which is suspended and comes back, no room for the capture
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

echo "== the storage under the pool runs out in the middle: the pool is suspended, and comes back"
crash_at snapshot-upgraded:done downgrade --keep
# The pool's file is thin; what fills up the file system under it must not fill up the journal's.
cp -a /var/lib/backout /root/state
mount -t tmpfs -o mode=700 tmpfs /var/lib/backout
cp -a /root/state/. /var/lib/backout/
zfs create -o mountpoint=/srv/wanted -o compression=off tank/wanted
mkdir /srv/filler
for size in 512M 64M 8M 1M 64K 4K; do
  number=0
  while fallocate -l "$size" "/srv/filler/$size.$number" 2>/dev/null; do number=$((number + 1)); done
done
dd if=/dev/urandom of=/srv/wanted/more bs=1M count=100 2>/dev/null &
writer=$!
for _ in $(seq 60); do if zpool list -H -o health tank | grep -q SUSPENDED; then break; fi; sleep 1; done
zpool list -H -o health tank | grep -F SUSPENDED
timeout 60 backout resume >/root/said 2>&1 &
resume=$!
sleep 15
timeout 30 backout status || true
rm -rf /srv/filler
zpool clear tank
wait "$resume" || true
cat /root/said
zpool list -H -o name,health tank | grep -F ONLINE
status=0
backout status || status=$?
[ "$status" = 0 ] || backout resume
wait "$writer" || true
zfs destroy tank/wanted
cp -a /var/lib/backout /root/state-now
umount /var/lib/backout
rm -rf /var/lib/backout
cp -a /root/state-now /var/lib/backout
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "suspended pool" resumed
backout undo --yes
same_redis /root/dump-new

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
