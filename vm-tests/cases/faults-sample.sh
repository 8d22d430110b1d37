#!/bin/bash
# DESCRIPTION: one fault of each kind in one downgrade: another tool on the pool, a clock set back, files that others may write to, a pool that does not answer, a server that dies, a damaged capture
# STRATEGY: a sample of the --faults cases in one change; each fault is reported, costs a resume or an abort, and the dump is the same
# stage: redis-upgraded
# uses: backout
# faults: sample
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/suspend.sh
pool_on_mapper
id=$(change_id)
change=/var/lib/backout/changes/$id
# halts STATUS WORDS: a resume ends so, and says it.
halts() {
  expect "$1" backout resume >/root/said 2>&1 || { cat /root/said; return 1; }
  grep -F -- "$2" /root/said || { cat /root/said; return 1; }
}

echo "== services: the capture is damaged before it is read back; given up"
crash_at capture:done downgrade --keep
file=$(find "$change/capture" -type f -printf '%C@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
printf 'x' | dd of="$file" bs=1 seek=100 conv=notrunc status=none
halts 1 'is damaged'
backout abort --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
fault "damaged capture" halted

echo "== ZFS: another tool's snapshot, held"
crash_at stop:done downgrade --keep
zfs snapshot tank/redis@theirs
zfs hold theirs tank/redis@theirs
theirs=$(zfs get -H -p -o value guid tank/redis@theirs)
fault "held newer snapshot by another tool, kept" resumed

echo "== people: the clock steps back an hour"
crash_at_resume capture:done
date -s "@$(($(date +%s) - 3600))"
crash_at_resume unmount:done
date -s "@$(($(date +%s) + 3600))"
fault "clock steps back" resumed

echo "== security: others may write to the journal"
chmod g+w "$change/journal"
halts 6 'may write to it'
chmod g-w "$change/journal"
fault "a journal that others may write to" halted

echo "== storage: the pool's device is gone, and comes back"
crash_at_resume take-place:tank/redis:started
take_away
ends 1 100 backout resume
bring_back
fault "pool suspended at a point of downgrade" resumed

echo "== services: the server is killed before it is listed"
crash_at_resume inventory-found:keys:started
pkill -KILL -x redis-server
backout resume
redis_version | grep -F 7.0
same_redis /root/dump-new
[ "$(zfs get -H -p -o value guid tank/redis.upgraded@theirs)" = "$theirs" ]
fault "server killed before it is listed" resumed
fully_proved
expect 3 backout commit --yes >/root/said 2>&1
grep -F 'tank/redis.upgraded@theirs' /root/said
