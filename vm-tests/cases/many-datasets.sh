#!/bin/bash
# DESCRIPTION: Redis on a dataset with 300 child datasets of 6 snapshots each: how many zfs and zpool commands each procedure starts, and how long it takes; with 1,000 and 20,000 snapshots: check beside one `zfs list -t all`
# STRATEGY: a program in front of zfs and zpool counts; check beside `zfs list -t all`, upgrade, a kept downgrade, its commit; without backout's library engine, too; then more datasets and snapshots
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
: >/result/measured
mkdir /root/counted
for tool in zfs zpool; do
  printf '%s\n' '#!/bin/sh' "echo $tool >>/root/calls" "exec $(command -v $tool) \"\$@\"" >"/root/counted/$tool"
  chmod 755 "/root/counted/$tool"
done
# measured NAME CMD...: how many commands it starts ($calls), and its milliseconds ($took).
measured() {
  local name=$1 begin
  shift
  : >/root/calls
  begin=$(date +%s%N)
  PATH=/root/counted:$PATH "$@" >/root/said 2>&1 || { cat /root/said; return 1; }
  took=$((($(date +%s%N) - begin) / 1000000))
  calls=$(wc -l </root/calls)
  echo "MEASURED $name: $calls commands, $took ms" | tee -a /result/measured
}
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
measured commit backout commit --yes
[ "$calls" -lt "$children" ]
[ -z "$(zfs list -H -t snapshot -o name -r tank | grep backout)" ]
[ "$(zfs list -H -o name -r tank/redis | wc -l)" = $((children + 1)) ]
same_redis /root/dump-new

echo "== 1,000 datasets, 20,000 snapshots"
for child in $(seq -w $((children + 1)) 1000); do zfs create -o recordsize=16K "tank/redis/c$child"; done
chown redis:redis /var/lib/redis/c*
for number in $(seq 7 25); do zfs snapshot -r "tank/redis@auto$number"; done
snapshots=$(zfs list -H -t snapshot -o name -r tank | wc -l)
[ "$snapshots" -ge 20000 ]
# The list before the check and after it: what is read first fills the cache for the next.
measured 'list before, of 1,000' zfs list -t all
list=$took
measured 'check, of 1,000' backout check
[ "$calls" = "$few" ]
checked=$took
measured 'list after, of 1,000' zfs list -t all
for took in "$list" "$took"; do
  echo "MEASURED check takes $((checked * 100 / took)) % of a list of everything, of 1,000 datasets and $snapshots snapshots" | tee -a /result/measured
done
printf 'overhead\t-\t-\tcheck, 1,000 datasets and %s snapshots, beside one zfs list -t all\t%s %s ms\n' "$snapshots" "$checked" "$took" >/result/bench
