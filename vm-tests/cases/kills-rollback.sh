#!/bin/bash
# DESCRIPTION: the tool is killed while ZFS runs its rollback program (zfs-program(8)), which a signal ends between two of its instructions
# STRATEGY: one program destroys a hundred newer snapshots; killed while it checks, and when ZFS shows that a part of them is gone; resumed; in the end the dump is the same
# stage: redis-upgraded
# uses: backout
# cpus: 2
# faults: killed
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
struck() { echo "after kill $1: $(left) of $count are left, the mark: $(mark)"; }
kill_within all KILL "any program yes" downgrade --in-place --yes "${accepted[@]}"
struck 1
[ "$(left)" = "$count" ]
kill_within all KILL "any destroys tank/redis@other- $(between 1 20)" resume
struck 2
[ "$(left)" -gt 0 ]
[ "$(left)" -lt "$count" ]
[ -z "$(mark)" ]
backout resume
[ "$(left)" = 0 ]
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "SIGKILL while ZFS runs the rollback program" resumed 2 "seed $SEED"
