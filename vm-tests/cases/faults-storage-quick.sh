#!/bin/bash
# DESCRIPTION: only a snapshot, without packages: each of its writes fails once, on a full disk and on a full pool; the pool's device disappears between two runs and during one
# STRATEGY: as the long cases do with downgrades, with the shortest procedure that stops the service: it continues when there is room, and when the pool answers again; the dump is the same
# stage: redis-seeded
# uses: backout
# faults: storage
# when: all
# limit: 4800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/full.sh
. /case/guest/suspend.sh

done_and_dropped() {
  backout --json status | grep -F '"state":"prepared"' >/dev/null
  backout commit --yes
  same_redis /root/dump-old
  [ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
}

echo "== programs that do not look whether what they print is written: what the tool guards against"
if zfs list -H >/dev/full 2>/dev/null; then echo "zfs list ends well on a full disk"; else echo "zfs list fails on a full disk"; fi
if redis-cli info >/dev/full 2>/dev/null; then echo "redis-cli ends well on a full disk"; else echo "redis-cli fails on a full disk"; fi

echo "== the device under the pool goes away"
pool_on_mapper
same_redis /root/dump-old
take_away
ends 3 100 backout check
bring_back
crash_at stop:done snapshot
take_away
ends 1 100 backout resume
expect 4 backout status
bring_back
# In the middle: the snapshot is about to be made.
crash_at_resume snapshot:started
while_it_runs snapshot resume
backout resume
fault "pool suspended at a point, or while a step runs" resumed 2
done_and_dropped

echo "== each write fails once"
full_everywhere snapshot
done_and_dropped

echo "== what ZFS does without a free block"
zfs create -o mountpoint=/srv/fill -o compression=off tank/filler
zfs create tank/x
zfs snapshot tank/x@one
fill_pool
works() { if "$@" >/run/zfs 2>&1; then echo "works: $*"; else echo "fails: $*: $(tail -n 1 /run/zfs)"; return 1; fi; }
works zfs snapshot tank/x@two && exit 1
works zfs clone tank/x@one tank/y && exit 1
works zfs create tank/z && exit 1
works zfs hold test tank/x@one
works zfs release test tank/x@one
works zfs set test:mark=1 tank/x
works zfs set canmount=noauto tank/x
works zfs rollback tank/x@one
works zfs rename -u tank/x tank/w
works zfs inherit test:mark tank/w
works zfs destroy tank/w@one
works zfs destroy tank/w
expect 3 backout snapshot --yes >/run/said 2>&1
grep -F '[room]' /run/said
empty_pool
crash_at snapshot:started snapshot
fill_pool
status=0
backout resume >/run/said 2>&1 || status=$?
said_why "$status" 'space'
empty_pool
backout resume
fault "pool full in the middle of a snapshot" resumed
done_and_dropped
