#!/bin/bash
# DESCRIPTION: a tree with everything that a dataset can be: two levels, a parent that is never mounted, a volume, local properties, visible snapshots; datasets created later, and during the procedures
# STRATEGY: upgrade, then keep, undo, abort, in place, commit: after each, properties, mounts and dump are as before, and what others created exists with its content
# stage: redis-seeded
# uses: backout
# faults: zfs
# when: all
# limit: 4800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

# What is set locally, and what is mounted where; ours (backout:*), and the size of a clone of a volume, which is not set again, are left out.
picture() {
  zfs get -Hp -s local -t filesystem,volume -r -o name,property,value all tank/redis | grep -vP '\t(backout:|volsize\t)' | sort
  zfs list -Hp -t filesystem,volume -r -o name,mounted,mountpoint,canmount tank/redis
}
same_picture() {
  picture >/root/picture-now
  diff "$1" /root/picture-now
}
volume_says() { [ "$(head -c 3 /dev/zvol/tank/redis/volume)" = "$1" ]; }
volume_gets() {
  printf '%s' "$1" | dd of=/dev/zvol/tank/redis/volume conv=notrunc,fsync status=none
  volume_says "$1"
}
all_there() { # VERSION VOLUME
  redis_version | grep -F "$1"
  systemctl is-active redis-server.service
  same_redis /root/dump-new
  udevadm settle
  volume_says "$2"
  [ "$(cat /var/lib/redis/appendonlydir/deep/file)" = "two levels down" ]
}
late_is_there() { [ "$(cat /var/lib/redis/late/file)" = "made later" ]; }

echo "== a tree"
systemctl stop redis-server.service
zfs set canmount=on compression=gzip-1 quota=700M readonly=off sharenfs=off snapdir=visible recordsize=64K 'site:owner=the shop; "A & B": all' tank/redis
zfs create -o canmount=off tank/redis/box
mv /var/lib/redis/appendonlydir /var/lib/redis/moved
zfs create -o mountpoint=/var/lib/redis/appendonlydir -o recordsize=16K tank/redis/box/aof
zfs create -o compression=off tank/redis/box/aof/deep
cp -a /var/lib/redis/moved/. /var/lib/redis/appendonlydir/
rm -rf /var/lib/redis/moved
chown redis:redis /var/lib/redis/appendonlydir
echo "two levels down" >/var/lib/redis/appendonlydir/deep/file
zfs create -V 8M tank/redis/volume
udevadm settle
volume_gets old
systemctl start redis-server.service
until redis-cli ping | grep -q PONG; do sleep 1; done
same_redis /root/dump-old
picture | tee /root/picture-old

echo "== what cannot go back is refused before the upgrade"
sed -i 's#"tank/redis"#"tank/redis/volume"#' /etc/backout/site.toml
expect 3 backout upgrade --yes 2>&1 | tee /root/said
grep -F '[data-path]' /root/said
redis_site 'with_data = ["tank/redis/volume", "tank/redis/box/aof/deep"]'
umount /var/lib/redis/appendonlydir/deep
zfs set mountpoint=legacy tank/redis/box/aof/deep
# The directory goes with the mountpoint.
mkdir -p /var/lib/redis/appendonlydir/deep
mount -t zfs tank/redis/box/aof/deep /var/lib/redis/appendonlydir/deep
expect 3 backout upgrade --yes 2>&1 | tee /root/said
grep -F '[legacy-mount]' /root/said
umount /var/lib/redis/appendonlydir/deep
zfs inherit mountpoint tank/redis/box/aof/deep
zfs list -H -o mounted tank/redis/box/aof/deep | grep -qx yes || zfs mount tank/redis/box/aof/deep
same_picture /root/picture-old
fault "a volume as the site's dataset" halted
fault "mountpoint=legacy" halted

backout upgrade --yes
redis_version | grep -F 8.0
same_redis /root/dump-old
same_picture /root/picture-old
redis_write_on_new
redis_dump >/root/dump-new
volume_gets new

echo "== a dataset made after the snapshot must be named"
zfs create tank/redis/late
echo "made later" >/var/lib/redis/late/file
chown redis:redis /var/lib/redis/late
late=$(zfs get -Hp -o value guid tank/redis/late)
picture >/root/picture-new
ls /var/lib/redis/.zfs/snapshot/*/
expect_one_of 3 4 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F tank/redis/late /root/said
all_there 8.0 new

echo "== kept; another one is made below the clone in the middle"
crash_at take-place:tank/redis:done downgrade --keep --accept tank/redis/late
zfs create tank/redis/later
chown redis:redis /var/lib/redis/later
later=$(zfs get -Hp -o value guid tank/redis/later)
backout resume
all_there 7.0 old
[ "$(zfs get -Hp -o value guid tank/redis.upgraded/late)" = "$late" ]
[ "$(zfs list -H -o mounted,canmount tank/redis.upgraded/late)" = "no	noauto" ]
[ "$(zfs list -H -o mounted tank/redis/later)" = yes ]
picture | grep -vF tank/redis/later >/root/picture-now
diff /root/picture-old /root/picture-now
zfs mount -a
zfs list -H -o name,mounted -r tank/redis.upgraded | grep -P '\tyes' && exit 1
fault "dataset made after the snapshot, kept" resumed
fault "dataset made in the middle" resumed
fault "local properties, kept" resumed

echo "== undo"
backout undo --yes
all_there 8.0 new
late_is_there
same_picture /root/picture-new
[ "$(zfs get -Hp -o value guid tank/redis.undone/later)" = "$later" ]
fault "local properties, undone" resumed

echo "== abort, from where the clone has taken the place"
crash_at take-place:tank/redis:done downgrade --keep --accept tank/redis/late
backout abort --yes
all_there 8.0 new
late_is_there
same_picture /root/picture-new
fault "local properties, aborted" resumed

echo "== in place; a dataset made in the middle, one mounted in another mount namespace, the volume open"
expect_one_of 3 4 backout downgrade --in-place --yes --accept tank/redis/late 2>&1 | tee /root/said
grep -F '[other-data]' /root/said
grep -F 'tank/redis/volume: ' /root/said
all_there 8.0 new
# The dataset two levels down was only mounted anew, which may count as a write.
crash_at capture:done downgrade --in-place --accept tank/redis/late --accept tank/redis/volume --accept tank/redis/box/aof/deep
zfs create tank/redis/middle
chown redis:redis /var/lib/redis/middle
echo middle >/var/lib/redis/middle/file
unshare --mount --propagation private sleep infinity &
elsewhere=$!
until grep -q ' - zfs tank/redis ' "/proc/$elsewhere/mountinfo" && [ "$(cat "/proc/$elsewhere/comm")" = sleep ]; do sleep 0.1; done
exec 7</dev/zvol/tank/redis/volume
not_begun() { # WHAT WHO
  expect 1 backout resume 2>&1 | tee -a /root/told | tee /root/said
  grep -F 'the rollback was not begun' /root/said
  grep -F "$1 is in use: $2" /root/said
  volume_says new
  expect 4 backout status | tee /root/said
  grep -F 'backout abort' /root/said
}
not_begun tank/redis "sleep ($elsewhere): mounted at /var/lib/redis in its own mount namespace"
kill "$elsewhere"
wait "$elsewhere" || true
not_begun tank/redis/volume "$(cat /proc/$$/comm) ($$): open /dev/zd"
exec 7<&-
backout resume 2>&1 | tee -a /root/told
# Said by the run that unmounted it.
grep -F 'tank/redis/middle is unmounted meanwhile' /root/told
all_there 7.0 old
late_is_there
[ "$(cat /var/lib/redis/middle/file)" = middle ]
picture | grep -vF tank/redis/middle >/root/picture-now
diff /root/picture-new /root/picture-now
fault "dataset made after the snapshot, in place" resumed
fault "dataset made in the middle" resumed
fault "volume open, in place" resumed
fault "mounted in another mount namespace, in place" resumed
fault "local properties, in place" resumed

echo "== accepted: what is not ours is named, moved away, and stays"
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F tank/redis.undone/later /root/said
zfs rename tank/redis.undone/later tank/later
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F 'tank/redis.undone/volume: ' /root/said
backout commit --yes --accept tank/redis.undone/volume
[ "$(zfs get -Hp -o value guid tank/later)" = "$later" ]
all_there 7.0 old
late_is_there
picture | grep -vF tank/redis/middle >/root/picture-now
diff /root/picture-new /root/picture-now
zfs get -H -s local -o name,property -r all tank | grep -F backout: | grep -v '^tank/later' && exit 1
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
fault "dataset made in the middle, at the commit" halted
