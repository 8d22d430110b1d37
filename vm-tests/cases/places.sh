#!/bin/bash
# DESCRIPTION: child datasets of other use, at /srv/exports and within the data folder: asked for by name, and with all that was written to them after each procedure, killed in the middle or not
# STRATEGY: Redis; files written there before and after the upgrade, a process that has one open all the time; keep, abort, undo, keep, commit, and in place; the files and the datasets' guids are compared
# stage: redis-seeded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
zfs create -o mountpoint=/srv/exports tank/redis/exports
zfs create tank/redis/exports/daily
zfs create tank/redis/dumps
zfs create -V 8M tank/redis/volume
zfs list -Hp -o name,guid -r tank/redis | grep -P 'exports|dumps|volume' | sort >/root/others
write_there() { for place in /srv/exports /srv/exports/daily /var/lib/redis/dumps; do echo "$1" >>"$place/file"; done; echo "$1" >>/root/written; }
left_alone() { # VERSION
  redis_version | grep -F "$1"
  for place in /srv/exports /srv/exports/daily /var/lib/redis/dumps; do diff /root/written "$place/file"; done
  zfs list -Hp -o name,guid -r tank/redis | grep -P 'exports|dumps|volume' | sort | diff /root/others -
  [ -z "$(zfs list -H -t snapshot -o name -r tank | grep -P 'exports|dumps|volume')" ]
  [ "$(findmnt -n -o SOURCE /srv/exports)" = tank/redis/exports ]
}
exec 7>>/srv/exports/open
write_there monday

echo "== asked for by name"
expect 3 backout upgrade --yes 2>&1 | tee /root/said
for name in tank/redis/exports tank/redis/exports/daily tank/redis/dumps tank/redis/volume; do
  grep -F "$name" /root/said
done
redis_site 'leave = ["tank/redis/exports", "tank/redis/dumps", "tank/redis/volume"]'
backout plan downgrade --commands | tee /root/said
grep -F 'zfs rename -u tank/redis.upgraded/exports tank/redis/exports' /root/said
backout upgrade --yes
backout status | tee /root/said
grep -F 'left as they are: tank/redis/dumps at /var/lib/redis/dumps, tank/redis/exports at /srv/exports' /root/said
redis_write_on_new
redis_dump >/root/dump-new
write_there tuesday
left_alone 8.0

echo "== kept, killed in the middle, aborted"
for point in set-aside:tank/redis:done stays:renamed take-place:tank/redis:done restore:started; do
  crash_at "$point" downgrade --keep
  # Others go on.
  echo "at $point" >>/root/written
  echo "at $point" >>/srv/exports/file
  echo "at $point" >>/srv/exports/daily/file
  backout abort --yes
  echo "at $point" >>/var/lib/redis/dumps/file
  left_alone 8.0
  same_redis /root/dump-new
done

echo "== kept, killed and resumed"
crash_at stays:renamed downgrade --keep
backout resume
write_there wednesday
left_alone 7.0
same_redis /root/dump-new

echo "== undone; one more was made meanwhile"
zfs create -o mountpoint=/srv/more tank/redis/more
echo more >/srv/more/file
crash_at put-back:away undo
echo thursday | tee -a /root/written /srv/exports/file >>/srv/exports/daily/file
backout resume
echo thursday >>/var/lib/redis/dumps/file
left_alone 8.0
[ "$(cat /srv/more/file)" = more ]
zfs list tank/redis/more

echo "== kept and committed"
backout downgrade --yes
write_there friday
left_alone 7.0
same_redis /root/dump-new
fully_proved
backout commit --yes
left_alone 7.0
zfs list -r tank
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]

echo "== in place"
backout upgrade --yes --accept tank/redis/more
redis-cli set since "the second upgrade"
write_there saturday
backout downgrade --in-place --yes
left_alone 7.0
[ "$(redis-cli get since)" = "the second upgrade" ]
[ "$(cat /srv/more/file)" = more ]
echo still >&7
[ "$(cat /srv/exports/open)" = still ]
backout commit --yes
left_alone 7.0
