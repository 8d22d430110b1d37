#!/bin/bash
# DESCRIPTION: Redis on an encrypted dataset: upgrade, kept downgrade and in place, undo, commit; the key is unloaded before and during the procedures
# STRATEGY: without the key, backout refuses, or stops with the remedy, and continues when the key is loaded; the dump is the same; the dataset keeps its own key
# stage: redis-seeded
# uses: backout
# faults: storage
# when: all
# limit: 4800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/full.sh

# root_is ROOT DATASET...: that one holds the key of them all.
root_is() {
  local root=$1 dataset
  shift
  for dataset in "$@"; do [ "$(zfs get -H -o value encryptionroot "$dataset")" = "$root" ] || { echo "the key of $dataset is not that of $root" >&2; return 1; }; done
}

echo "== a clone is encrypted with the key of its origin, and with no other; loaded once, it is there for all"
head -c 32 /dev/urandom >/root/key
head -c 32 /dev/urandom >/root/other-key
zfs create -o encryption=on -o keyformat=raw -o keylocation=file:///root/key -o mountpoint=/srv/a tank/a
echo old >/srv/a/file
zfs snapshot tank/a@one
expect 1 zfs clone -o encryption=off tank/a@one tank/a.new
expect 1 zfs clone -o keyformat=raw -o keylocation=file:///root/other-key tank/a@one tank/a.new
# Should ZFS have left one behind.
zfs list -H -o name tank/a.new 2>/dev/null && zfs destroy tank/a.new
zfs clone -o mountpoint=/srv/a.new tank/a@one tank/a.new
zfs clone tank/a@one tank/a/child
root_is tank/a tank/a tank/a.new tank/a/child
zfs unmount tank/a.new
zfs unmount tank/a
zfs unload-key tank/a
[ "$(zfs get -H -o value keystatus tank/a.new tank/a/child | sort -u)" = unavailable ]
expect 1 zfs mount tank/a.new
zfs load-key tank/a
[ "$(zfs get -H -o value keystatus tank/a.new tank/a/child | sort -u)" = available ]
for dataset in tank/a tank/a/child tank/a.new; do zfs mount "$dataset"; done
[ "$(cat /srv/a.new/file /srv/a/child/file)" = "$(printf 'old\nold')" ]

echo "== a clone that is promoted takes the key over, for its origin and all children too; one whose origin is a clone itself does not yet"
zfs snapshot tank/a.new@two
zfs clone -o canmount=off tank/a.new@two tank/a.newer
for dataset in tank/a tank/a.new tank/a.newer; do zfs create -o canmount=off "$dataset/below"; done
all=(tank/a tank/a/below tank/a.new tank/a.new/below tank/a.newer tank/a.newer/below)
root_is tank/a "${all[@]}"
zfs promote tank/a.newer
root_is tank/a "${all[@]}"
zfs promote tank/a.newer
root_is tank/a.newer "${all[@]}"
zfs destroy -R tank/a.newer

echo "== as a downgrade that keeps and its commit do it"
zfs create -o encryption=on -o keyformat=raw -o keylocation=file:///root/key -o canmount=off tank/a
zfs snapshot tank/a@one
zfs clone -o canmount=off tank/a@one tank/a.new
zfs rename tank/a tank/a.upgraded
zfs rename tank/a.new tank/a
zfs get -H -o name,property,value,source encryptionroot,keylocation tank/a tank/a.upgraded
[ "$(zfs get -H -o value encryptionroot tank/a)" = tank/a.upgraded ]
zfs promote tank/a
zfs destroy tank/a.upgraded
zfs get -H -o name,property,value,source encryptionroot,keylocation tank/a
# It may be gone with the destroyed one already.
zfs unload-key tank/a 2>/dev/null || true
zfs load-key -r tank
zfs destroy -r tank/a

echo "== the data on an encrypted dataset"
systemctl stop redis-server.service
zfs set mountpoint=/srv/plain tank/redis
zfs rename tank/redis tank/plain
zfs create -o encryption=on -o keyformat=raw -o keylocation=file:///root/key -o mountpoint=/var/lib/redis -o atime=off tank/redis
cp -a /srv/plain/. /var/lib/redis/
zfs destroy -r tank/plain
systemctl start redis-server.service
same_redis /root/dump-old
zfs get -H -o property,value,source encryption,keyformat,keylocation,keystatus,encryptionroot tank/redis

key_gone() {
  zfs unmount tank/redis 2>/dev/null || true
  # A clone shares the key of its origin: whichever of the two is its root.
  zfs unload-key "$(zfs get -H -o value encryptionroot tank/redis)"
  [ "$(zfs get -H -o value keystatus tank/redis)" = unavailable ]
}
key_back() { zfs load-key -r tank; }

echo "== without its key: refused, with the remedy"
systemctl stop redis-server.service
key_gone
expect 3 backout upgrade --yes >/run/said 2>&1
cat /run/said
grep -F '[key]' /run/said
grep -F 'zfs load-key -r tank' /run/said
key_back
zfs mount tank/redis
systemctl start redis-server.service
same_redis /root/dump-old
fault "key unloaded before an upgrade" halted

echo "== upgrade"
backout upgrade --yes
redis_version | grep -F 8.0
redis_write_on_new
redis_dump >/root/dump-new

# without_key POINT... -- POINT VERB...: the key is unloaded when VERB is killed at the first POINT, and at each of the others, which are reached without it;
# what comes then needs it, and says so. It is loaded, the run is killed at the last POINT, and again without its key goes no further.
without_key() {
  local points=() later point
  while [ "$1" != -- ]; do points+=("$1"); shift; done
  later=$2
  shift 2
  for point in "${points[@]}"; do
    echo "-- $point"
    if [ "$point" = "${points[0]}" ]; then crash_at "$point" "$@"; key_gone; else crash_at_resume "$point"; fi
  done
  key_wanted
  echo "-- $later"
  crash_at_resume "$later"
  key_gone
  key_wanted
  backout resume
  fault "key unloaded in the middle of $1" resumed 2
}
key_wanted() {
  local status=0
  backout resume >/run/said 2>&1 || status=$?
  said_why "$status" 'zfs load-key -r tank'
  expect 4 backout status >/dev/null
  key_back
}

echo "== downgrade, the upgraded state is kept"
without_key unmount:done clone:tank/redis:started take-place:tank/redis:done -- reinstall:done downgrade --keep
redis_version | grep -F 7.0
same_redis /root/dump-new
zfs get -H -o name,property,value encryptionroot,keystatus,origin tank/redis tank/redis.upgraded

echo "== undo"
without_key put-back:tank/redis:done -- mount:done undo
redis_version | grep -F 8.0
same_redis /root/dump-new

echo "== in place"
without_key unmount:done rollback:done -- reinstall:done downgrade --in-place
redis_version | grep -F 7.0
same_redis /root/dump-new

echo "== accepted: the key goes with the data"
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "tank
tank/redis
tank/redis.undone" ] || [ "$(zfs list -H -o name -r tank)" = "tank
tank/redis" ]
zfs get -H -o property,value,source keylocation,encryptionroot tank/redis
[ "$(zfs get -H -o value encryptionroot tank/redis)" = tank/redis ]
[ "$(zfs get -H -o value keylocation tank/redis)" = file:///root/key ]
systemctl stop redis-server.service
key_gone
zfs load-key tank/redis
zfs mount tank/redis
systemctl start redis-server.service
same_redis /root/dump-new
