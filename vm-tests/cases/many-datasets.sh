#!/bin/bash
# DESCRIPTION: Redis on a dataset with 300 child datasets of 6 snapshots each: how many zfs and zpool commands each procedure starts, and how long it takes
# STRATEGY: a program in front of zfs and zpool counts; check beside `zfs list -t all`, upgrade, a kept downgrade, its commit; without backout's library engine, too
# stage: redis-seeded
# uses: backout zfs_conformance
# when: all
# limit: 2700
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
# What the two engines do with many at once, on small pools.
/case/bin/zfs_conformance --include-ignored --list | sed -n 's/: test$//p' | grep -E '^(cli|lzc)::many_' >/root/cases
mapfile -t cases </root/cases
/case/bin/zfs_conformance --pool-dir /dev/shm --include-ignored --exact "${cases[@]}" 2>&1 | tee /root/said
grep -q "^test result: ok. ${#cases[@]} passed; 0 failed; 0 ignored;" /root/said
children=300
. /case/guest/counted.sh
# Of some of the root's own snapshots a check reads more than their names.
zfs snapshot tank/redis@auto0
measured 'check, no children' backout check
few=$calls few_took=$took
measured 'list, no children' zfs list -t all
few_list=$took
for child in $(seq -w $children); do zfs create -o recordsize=16K "tank/redis/c$child"; done
chown redis:redis /var/lib/redis/c*
for number in 1 2 3 4 5 6; do zfs snapshot -r "tank/redis@auto$number"; done
[ "$(zfs list -H -t snapshot -o name -r tank | wc -l)" = $((6 * (children + 1) + 1)) ]
measured 'list' zfs list -t all
list=$((took - few_list))
measured 'check' backout check
echo "MEASURED check takes $((took * 100 / (list + few_list))) % of a list of everything" | tee -a /result/measured
[ "$calls" = "$few" ]
measured 'check, by commands' backout --engine cli check
[ "$calls" = "$few" ]
measured upgrade backout upgrade --yes
[ "$calls" -lt "$children" ]
redis_write_on_new
redis_dump >/root/dump-new
measured 'downgrade' backout downgrade --keep --yes
backout report | tee /root/report
[ "$calls" -lt $((4 * children + 300)) ]
redis_version | grep -F 7.0
same_redis /root/dump-new
[ "$(zfs get -H -o value recordsize tank/redis/c150)" = 16K ]
[ "$(findmnt -n -o SOURCE /var/lib/redis/c150)" = tank/redis/c150 ]
measured prove backout prove
# On both sides each is cloned, mounted and unmounted.
[ "$calls" -lt $((6 * children + 200)) ]
measured commit backout commit --yes
[ "$calls" -lt "$children" ]
[ -z "$(zfs list -H -t snapshot -o name -r tank | grep backout)" ]
[ "$(zfs list -H -o name -r tank/redis | wc -l)" = $((children + 1)) ]
same_redis /root/dump-new
