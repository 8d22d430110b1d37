#!/bin/bash
# DESCRIPTION: people and other programs interfere with a downgrade: a clock set back, another time zone, an edited playbook, a renamed host, two runs at once, a lost state folder
# STRATEGY: one after the other on the upgraded guest; the downgrade succeeds all the same, or refuses and says what to type; finally the state folder is removed, and adopted from the pool
# stage: redis-upgraded
# uses: backout
# faults: people
# when: all
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

[ "$(TZ=America/St_Johns date +%Z)" != St_Johns ] # zones are known here
echo "== the clock steps back an hour in the middle, and the time zone is another one"
crash_at capture:done downgrade --keep
date -s "@$(($(date +%s) - 3600))"
TZ=America/St_Johns crash_at_resume take-place:tank/redis:done
date -s "@$(($(date +%s) + 7200))"
TZ=Pacific/Kiritimati backout resume
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "clock steps back, other time zone" resumed 2
backout undo --yes
same_redis /root/dump-new

# Later than the snapshot: an earlier clock is refused.
echo "== summer time ends in the middle: 02:59:59 is followed by 02:00:00"
real=$(date +%s)
export TZ=Europe/Berlin
date -s 2027-10-31T00:59:50Z
[ "$(date +%Z)" = CEST ]
crash_at capture:done downgrade --keep
date -s 2027-10-31T01:00:10Z
[ "$(date +%Z)" = CET ]
backout resume
backout log | grep -F 2027-10-31 | sed -n '1p;$p'
unset TZ
date -s "@$((real + 60))"
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "summer time ends in the middle" resumed
backout undo --yes
same_redis /root/dump-new

echo "== site and playbook are edited in the middle: the change has its own copies"
crash_at capture:done downgrade --keep
cp -p /etc/backout/site.toml /root/site.toml
echo 'nonsense' >>/etc/backout/site.toml
backout resume
same_redis /root/dump-new
cp -p /root/site.toml /etc/backout/site.toml
fault "site edited in the middle" resumed
backout undo --yes

echo "== the host is renamed"
crash_at stop:done downgrade --keep
hostname other
expect 6 backout resume
backout --host guest resume
hostname guest
same_redis /root/dump-new
fault "host renamed in the middle" resumed
backout undo --yes

echo "== two at once: the second one is refused, the first goes on"
backout downgrade --keep --yes >/root/first 2>&1 &
first=$!
sleep 2
expect 5 backout downgrade --keep --yes
expect 5 backout abort --yes
wait "$first"
same_redis /root/dump-new
fault "two runs at once" resumed
backout undo --yes

echo "== the state folder is lost, and the packages in it"
id=$(change_id)
snapshot=$(zfs list -H -t snapshot -o name -d 1 tank/redis | grep "@backout-$id$")
mkdir /root/packages
cp -p "/var/lib/backout/changes/$id/installer/"* /root/packages/
rm -rf /var/lib/backout
expect 0 backout status
expect 3 backout adopt "$snapshot" --yes
expect 2 backout adopt tank/redis --yes
backout adopt "$snapshot" --installer /root/packages --yes
backout status
# Snapshots of earlier downgrades are not known to the adopted change: they are somebody's, and must be named.
accept=()
while read -r newer; do accept+=(--accept "$newer"); done < <(zfs list -H -t snapshot -o name -s createtxg -d 1 tank/redis | sed "1,/@backout-$id\$/d")
[ ${#accept[@]} = 0 ] || expect 3 backout downgrade --in-place --yes
backout downgrade --in-place --yes "${accept[@]}"
redis_version | grep -F 7.0
same_redis /root/dump-new
# What earlier undos of this change left is not of the adopted one: it must be named.
expect 3 backout commit --yes
fault "state folder lost" resumed
