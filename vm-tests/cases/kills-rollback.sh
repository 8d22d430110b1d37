#!/bin/bash
# DESCRIPTION: the tool is killed while ZFS runs its rollback program (zfs-program(8)), which a signal ends between two of its instructions
# STRATEGY: a hundred newer snapshots that one program destroys; killed while it does, until a part of them is gone; resumed each time, and in the end the dump is the same
# stage: redis-upgraded
# uses: backout
# cpus: 2
# faults: yes
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/kill.sh
kill_seed
count=100
echo "== $count newer snapshots by another tool"
for i in $(seq "$count"); do zfs snapshot "tank/redis@other-$i"; done
mapfile -t accepted < <(seq -f '--accept=tank/redis@other-%.0f' "$count")
left() { zfs list -H -t snapshot -o name -r tank | grep -c '@other-' || true; }
# The mark is set by the program, behind all else: with it there, the program is not run again.
mark() { zfs get -H -o value -s local backout:rolledback tank/redis; }
words=(downgrade --in-place --yes "${accepted[@]}")
kills=0 halfway=0
while [ "$halfway" = 0 ] && [ -z "$(mark)" ] && [ "$kills" -lt 8 ]; do
  kill_within all KILL "any program second" "${words[@]}"
  kills=$((kills + 1))
  now=$(left)
  echo "after kill $kills: $now of $count are left, the mark: $(mark)"
  if [ "$now" -gt 0 ] && [ "$now" -lt "$count" ]; then halfway=$((halfway + 1)); fi
  words=(resume)
done
echo "$kills kills, $halfway of them with a part of the snapshots gone"
[ "$halfway" -gt 0 ]
[ -z "$(mark)" ]
backout resume
[ "$(left)" = 0 ]
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "SIGKILL while the rollback program changes things" resumed "$kills"
