#!/bin/bash
# DESCRIPTION: quotas that leave no room, on the dataset and above it, in both kinds of downgrade and during one; a full disk under the capture
# STRATEGY: one limit after the other on the upgraded guest: the downgrade is refused, or stops with the cause and continues without the limit, or succeeds; the dump is the same
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

used() { zfs get -Hp -o value used "$1"; }
referenced() { zfs get -Hp -o value referenced "$1"; }
# What is used goes on changing for a moment, and ZFS takes no quota below it.
at_quota() { # DATASET
  for _ in 1 2 3 4 5; do
    zpool sync tank
    ! zfs set "quota=$(used "$1")" "$1" || return 0
  done
  return 1
}
untouched() { backout --json status | grep -F '"state":"upgraded"' >/dev/null && same_redis /root/dump-new; }

echo "== kept beside, with limits that leave no room"
for limit in "tank/redis refquota $(referenced tank/redis)" "tank/redis quota what-is-used" "tank quota what-is-used" "tank/redis refreservation 10G"; do
  read -r dataset property value <<<"$limit"
  if [ "$property" = refreservation ]; then
    # What the clone would reserve once more; half of what is free is there once, not twice.
    value=$(($(zfs get -Hp -o value available tank) * 2 / 3))
  fi
  echo "-- $property=$value on $dataset"
  if [ "$property" = quota ]; then at_quota "$dataset"; else zfs set "$property=$value" "$dataset"; fi
  expect 3 backout downgrade --keep --yes >/run/said 2>&1
  cat /run/said
  grep -E '\[(room|refquota)\]' /run/said
  zfs set "$property=none" "$dataset"
  untouched
  fault "$property of $dataset without room" halted
done

echo "== kept beside, with limits that leave room: they go with the dataset; and one that comes in the middle"
zfs set refquota="$(($(referenced tank/redis) + (100 << 20)))" tank/redis
zfs set quota=300M tank/redis
zfs set refquota="$(($(referenced tank) + 4096))" tank
crash_at restore:started downgrade --keep
at_quota tank
status=0
backout resume >/run/said 2>&1 || status=$?
said_why "$status" 'restore'
expect 4 backout status
zfs set quota=none tank
backout resume
redis_version | grep -F 7.0
same_redis /root/dump-new
[ "$(zfs get -H -o value,source quota tank/redis)" = "300M	local" ]
fault "quotas with room" resumed
fault "quota in the middle of a restore" resumed
backout undo --yes
same_redis /root/dump-new
[ "$(zfs get -H -o value,source quota tank/redis)" = "300M	local" ]
for property in quota refquota; do zfs set "$property=none" tank/redis; done
zfs set refquota=none tank

echo "== the disk under the capture is full"
store=/var/lib/backout/changes/$(change_id)
crash_at capture:started downgrade --keep
mount -t tmpfs -o size=64k tmpfs "$store/capture"
status=0
backout resume >/run/said 2>&1 || status=$?
said_why "$status" 'No space left on device'
umount "$store/capture"
fault "no room for the capture" halted
backout abort --yes
same_redis /root/dump-new

echo "== in place, with all limits at once"
zfs set refquota="$(referenced tank/redis)" tank/redis
at_quota tank/redis
at_quota tank
status=0
backout downgrade --in-place --yes >/run/said 2>&1 || status=$?
cat /run/said
if [ "$status" != 0 ]; then
  # What comes back may need a little more than was there.
  said_why "$status" 'restore|maintenance|space'
  for property in quota refquota; do zfs set "$property=none" tank/redis; done
  zfs set quota=none tank
  backout resume
fi
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "quotas without room, in place" resumed
