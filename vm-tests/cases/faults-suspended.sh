#!/bin/bash
# DESCRIPTION: the device under the pool disappears in a downgrade and returns: between two runs, and while a step runs
# STRATEGY: the pool is on a device mapper device whose table is replaced by one of errors; each time the tool ends by itself and says what to do; after `zpool clear` it continues to its end, with the same dump
# stage: redis-upgraded
# uses: backout
# faults: storage
# when: all
# limit: 5400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/full.sh
. /case/guest/suspend.sh

echo "== the pool on a device that can be taken away"
pool_on_mapper
same_redis /root/dump-new

echo "== before it begins"
take_away
ends 3 100 backout downgrade --keep --yes
ends 3 100 backout check
bring_back
same_redis /root/dump-new
fault "pool suspended before a downgrade" halted

# at_points VERB... -- POINT...: killed at each point, where the device is gone for the next run.
at_points() {
  local verb=() point first=yes
  while [ "$1" != -- ]; do verb+=("$1"); shift; done
  shift
  for point in "$@"; do
    echo "-- $point"
    if [ -n "$first" ]; then crash_at "$point" "${verb[@]}"; else crash_at_resume "$point"; fi
    first=''
    take_away
    ends 1 100 backout resume
    expect 4 backout status
    bring_back
  done
  backout resume
  fault "pool suspended at a point of ${verb[0]}" resumed $#
}

echo "== between two runs, the upgraded state is kept"
at_points downgrade --keep -- stop:started unmount:started clone:unmarked set-aside:tank/redis:applied mount:started restore:started start:started
redis_version | grep -F 7.0
same_redis /root/dump-new
backout undo --yes
redis_version | grep -F 8.0
same_redis /root/dump-new

echo "== while a step runs"
while_it_runs stop downgrade --keep --yes
for step in capture snapshot-upgraded take-place:tank/redis mount restore; do while_it_runs "$step" resume; done
backout resume
redis_version | grep -F 7.0
same_redis /root/dump-new
backout undo --yes
same_redis /root/dump-new

echo "== in place, and a pool that gives errors instead of waiting"
zpool set failmode=continue tank
# ZFS calls it ONLINE then, suspended or not; and what was accepted meanwhile may be gone: it is warned of before.
while_it_runs inventory:keys downgrade --in-place --yes
grep -F '[pool-failmode]' /run/said
zpool set failmode=wait tank
crash_at_resume rollback:started
take_away
ends 1 100 backout resume
bring_back
while_it_runs rollback resume
backout resume
redis_version | grep -F 7.0
same_redis /root/dump-new
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
