#!/bin/bash
# DESCRIPTION: Redis on a dataset with 1,000 child datasets and 20,000 snapshots: check takes about as long as one `zfs list -t all`, and starts as many commands as without them
# STRATEGY: a program in front of zfs and zpool counts; check beside `zfs list -t all` before it and after it; the times are noted, and decide nothing
# stage: redis-seeded
# uses: backout
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/counted.sh
# Of some of the root's own snapshots a check reads more than their names.
zfs snapshot tank/redis@auto0
measured 'check, no children' backout check
few=$calls constant=$took
for child in $(seq -w 1000); do zfs create -o recordsize=16K "tank/redis/c$child"; done
chown redis:redis /var/lib/redis/c*
for number in $(seq 20); do zfs snapshot -r "tank/redis@auto$number"; done
snapshots=$(zfs list -H -t snapshot -o name -r tank | wc -l)
[ "$snapshots" -ge 20000 ]
measured 'list, before' zfs list -t all
before=$took
measured 'check' backout check
[ "$calls" = "$few" ]
checked=$took
measured 'list, after' zfs list -t all
list=$(((before + took) / 2))
measured 'check, again' backout check
checked=$(((checked + took) / 2))
rows() { printf 'overhead\t-\t-\t%s\t%s %s ms\n' "$@" | tee -a /result/bench; }
rows "check, 1,000 datasets and $snapshots snapshots, beside one zfs list -t all" "$checked" "$list"
rows "the same without what check takes without children ($constant ms)" "$((checked - constant))" "$list"
