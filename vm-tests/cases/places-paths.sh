#!/bin/bash
# DESCRIPTION: the data is a folder of its dataset, reached by a symbolic link, and .zfs shows no snapshots: it goes back and forth; a bind mount and a tmpfs are refused; what lies beside the data is asked for by name, before the upgrade and by the commit
# STRATEGY: Redis; its folder is moved to /tank/data with a link to it, beside a folder of other use; snapdir=disabled where OpenZFS has that; refusals, then upgrade, keep, undo, in place, keep, commit, each with the dump compared
# stage: redis-seeded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
refused() { # NAME
  expect 3 backout upgrade --yes 2>&1 | tee /root/said
  grep -F "[$1]" /root/said
  same_redis /root/dump-old
}
begin() { systemctl start redis-server.service; until redis-cli ping | grep -q PONG; do sleep 1; done; }

echo "== a bind mount"
systemctl stop redis-server.service
zfs set mountpoint=/tank tank/redis
mkdir -p /var/lib/redis
mount --bind /tank /var/lib/redis
begin
refused mounted-elsewhere
grep -F 'zfs set mountpoint=/var/lib/redis tank/redis' /root/said

echo "== a link to a folder of the dataset; a tmpfs in it"
systemctl stop redis-server.service
umount /var/lib/redis
rmdir /var/lib/redis
mkdir /tank/.data /tank/www
chown redis:redis /tank/.data
mv /tank/* /tank/.data/
mv /tank/.data/www /tank/
mv /tank/.data /tank/data
ln -s /tank/data /var/lib/redis
echo monday >/tank/www/index
mkdir /tank/data/tmp
mount -t tmpfs tmpfs /tank/data/tmp
begin
# Redis tells its folder with all links followed.
refused requirement
grep -F 'Set `datadir` in the site file' /root/said
echo 'datadir = "/tank/data"' >>/etc/backout/site.toml
refused foreign-mount
umount /tank/data/tmp
rmdir /tank/data/tmp
refused other-files
grep -F /tank/www /root/said

echo "== no snapshots to be seen"
zfs set snapdir=disabled tank/redis || echo "OpenZFS before 2.3"
backout upgrade --yes --accept /tank/www
ls /tank/.zfs/snapshot/*/ || true
redis_write_on_new
redis_dump >/root/dump-new
echo tuesday >>/tank/www/index
backout check
backout downgrade --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
[ "$(readlink /var/lib/redis)" = /tank/data ]
backout undo --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
redis-cli set since undo
redis_dump >/root/dump-new
backout downgrade --yes
same_redis /root/dump-new
[ "$(cat /tank/www/index)" = monday ]

# `dir` is the link: the upgraded version finds the clone through it in its own root.
backout prove | tee /root/said
grep -F 'Everything was compared' /root/said

echo "== the commit asks for what lies beside the data"
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F -- '--accept /tank/www' /root/said
zfs set mountpoint=/srv/saved tank/redis.upgraded
zfs mount tank/redis.upgraded
grep -F tuesday /srv/saved/www/index
zfs unmount tank/redis.upgraded
backout commit --yes --accept /tank/www
same_redis /root/dump-new
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]

echo "== in place"
backout upgrade --yes --accept /tank/www
redis-cli set since "the second upgrade"
redis_dump >/root/dump-new
backout downgrade --in-place --yes --accept /tank/www
redis_version | grep -F 7.0
same_redis /root/dump-new
backout commit --yes
