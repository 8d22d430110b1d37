#!/bin/bash
# DESCRIPTION: Redis on a dataset that came by `zfs send -R | zfs receive`, with quotas, permissions of others, user properties and a child dataset at /srv/exports: the restored dataset is set up as the received one was
# STRATEGY: properties with source received, local, inherited and default, and `zfs allow`, compared before the upgrade, after a kept downgrade, after an undo, and after the commit of another downgrade
# stage: redis-seeded
# uses: backout
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
systemctl stop redis-server.service
zfs set recordsize=16K com.example:owner=db tank/redis
zfs create -o recordsize=64K -o mountpoint=/var/lib/redis/log tank/redis/log
chown redis:redis /var/lib/redis/log
zfs create -s -V 8M tank/redis/volume
zfs create -o mountpoint=/srv/exports tank/redis/exports
zfs snapshot -r tank/redis@moved
zfs unmount tank/redis/exports
zfs unmount tank/redis/log
zfs unmount tank/redis
zfs send -R tank/redis@moved | zfs receive -u tank/received
zfs destroy -r tank/redis
zfs rename tank/received tank/redis
zfs set quota=400M refquota=300M tank/redis
zfs set reservation=8M snapdir=visible tank/redis/log
zfs allow -u redis snapshot,hold tank/redis
zfs allow -l -g adm mount tank/redis
zfs allow -e compression tank/redis/log
for dataset in redis redis/log redis/exports; do zfs mount "tank/$dataset"; done
[ "$(zfs get -H -o source mountpoint tank/redis)" = received ]
[ "$(zfs get -H -o source recordsize tank/redis)" = received ]
systemctl start redis-server.service
# as_it_is DATASET...: what is set on each, and who may do what. A received property becomes a local one of a clone.
as_it_is() {
  for dataset in tank/redis tank/redis/log tank/redis/volume; do
    zfs get -Hp -o property,value -s local,received all "$dataset" | grep -v '^backout:' | sort
    zfs get -Hp -o property,value recordsize,compression,atime,quota,volsize,mounted "$dataset"
    zfs allow "$dataset"
  done
}
as_it_is >/root/before
cat /root/before
grep -F 'user redis' /root/before
there() { findmnt -n -o SOURCE,TARGET -T "$1"; zfs list -H -o name,mounted,mountpoint,canmount,guid -r tank; ls -la /srv/exports; }
there /srv/exports
[ "$(findmnt -n -o SOURCE /srv/exports)" = tank/redis/exports ]
redis_site 'leave = ["tank/redis/exports"]' 'with_data = ["tank/redis/volume"]'
backout upgrade --yes
redis_write_on_new
redis_dump >/root/dump-new
[ "$(findmnt -n -o SOURCE /srv/exports)" = tank/redis/exports ]
echo since >/srv/exports/since
there /srv/exports

echo "== kept"
backout downgrade --keep --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
as_it_is | diff /root/before -
there /srv/exports
[ "$(findmnt -n -o SOURCE /var/lib/redis)" = tank/redis ]
[ "$(cat /srv/exports/since)" = since ]

echo "== undone, and kept again"
backout undo --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
as_it_is | diff /root/before -
backout downgrade --keep --yes
same_redis /root/dump-new
as_it_is | diff /root/before -
fully_proved
backout commit --yes
as_it_is | diff /root/before -
[ "$(cat /srv/exports/since)" = since ]
