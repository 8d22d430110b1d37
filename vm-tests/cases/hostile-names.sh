#!/bin/bash
# DESCRIPTION: names with spaces, `:`, `;`, `$(...)`, brackets, quotes, stars, leading dashes, line breaks and other alphabets: dataset, snapshots, holds, mountpoint, data folder, store, configuration files
# STRATEGY: Redis on `tank/my data:x`, mounted at a path that would break a shell or a pattern, goes up and down twice, with the same dump; what cannot be supported is refused before anything is touched
# stage: redis-seeded
# uses: backout
# when: all
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
dataset='tank/my data:x'
# shellcheck disable=SC2016
home='/srv/my data; $(touch x) [a]* é'"'s"
store='/srv/-rf store; *'

echo "== Redis moves there"
systemctl stop redis-server.service
zfs rename tank/redis "$dataset"
zfs set mountpoint="$home" "$dataset"
[ -f "$home/appendonlydir/appendonly.aof.manifest" ]
mkdir -p /etc/systemd/system/redis-server.service.d
printf '[Service]\nReadWritePaths="%s"\n' "$home" >/etc/systemd/system/redis-server.service.d/data.conf
systemctl daemon-reload
sed -i '/^dir /d' /etc/redis/redis.conf
printf 'dir "%s"\n' "$home" >>/etc/redis/redis.conf
systemctl start redis-server.service
same_redis /root/dump-old

echo "== configuration files of any name"
odd_files() { # FOLDER
  mkdir -p "$1"
  # shellcheck disable=SC2016
  for name in -rf '--help' 'a b;c' '$(touch x)' $'line\nend' 'é' $'not\xfftext' '*'; do printf '%s\n' "in $name" >"$1/$name"; done
  ln -sfn /nowhere "$1/link"
}
odd_files /etc/redis/odd
odd_files "$home/odd"
chown -R redis:redis "$home/odd"
list() { (cd "$1" && find . -printf '%M %u %l %P\0' | LC_ALL=C sort -z | tr '\0' '\n'; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }
list /etc/redis/odd >/root/odd-config
list "$home/odd" >/root/odd-data

echo "== snapshots and holds by others, with names of their kind"
zfs snapshot "$dataset@auto snap:2026-11-24_10:00"
zfs hold 'their hold; $(x)' "$dataset@auto snap:2026-11-24_10:00"

site() { # DATASET DATADIR
  cat >/etc/backout/site.toml <<TOML
playbook = "redis"
datasets = ["$1"]
upgrade_to = "8.0"
full_proof = "later"
store = "$store"
[variables]
release = "trixie"
datadir = "$2"
TOML
}

echo "== what cannot be supported is refused, and nothing is touched"
before=$(world)
unusable() { # STATUS WORDS
  expect "$1" backout upgrade --yes >/root/said 2>&1 || { cat /root/said; return 1; }
  grep -F "$2" /root/said || { cat /root/said; return 1; }
  [ "$(world)" = "$before" ]
}
site 'tank/my;data' "$home"
unusable 2 'is not the name of a dataset'
site '-rf' "$home"
unusable 2 'is not the name of a dataset'
site 'tank/é' "$home"
unusable 2 'is not the name of a dataset'
site "$dataset" '-rf'
unusable 2 'is not an absolute path'
site "$dataset" '/srv/a\nb'
unusable 2 'control character'
site "$dataset" '/srv/a\u0000b'
unusable 2 'control character'
store='/srv/a\nb' site "$dataset" "$home"
unusable 2 'control character'
# Another dataset below it, with a line end in its mountpoint: its row cannot be read.
site "$dataset" "$home"
zfs create -o canmount=noauto -o mountpoint=$'/srv/line\nend' "$dataset/child"
before=$(world)
unusable 3 'line end'
zfs destroy "$dataset/child"
before=$(world)
# A file that the capture would take, whose name is not text.
: >"$home/appendonlydir/"$'appendonly.aof.\xff.incr.aof'
unusable 3 '[file-name]'
rm "$home/appendonlydir/"$'appendonly.aof.\xff.incr.aof'

echo "== up"
backout check
backout plan
backout upgrade --yes
redis_version | grep -F 8.0
same_redis /root/dump-old
list "$home/odd" | diff /root/odd-data -
redis_write_on_new
redis_dump >/root/dump-new
printf 'changed\n' >/etc/redis/odd/-rf

echo "== down, the upgraded state is kept; and up again"
backout downgrade --keep --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
list /etc/redis/odd | diff /root/odd-config -
list "$home/odd" | diff /root/odd-data -
[ "$(zfs get -H -o value mountpoint "$dataset")" = "$home" ]
backout undo --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
[ "$(cat /etc/redis/odd/-rf)" = changed ]

echo "== down in place, past a snapshot with a name that must be said"
zfs snapshot "$dataset@-rf new"
zfs snapshot "$dataset@new: snap"
expect 3 backout downgrade --in-place --yes >/root/said 2>&1
grep -F "$dataset@new: snap" /root/said
backout downgrade --in-place --yes --accept "$dataset@new: snap" --accept "$dataset@-rf new"
redis_version | grep -F 7.0
same_redis /root/dump-new
list /etc/redis/odd | diff /root/odd-config -
backout status
backout log >/dev/null
backout commit --yes
[ "$(zfs list -H -t snapshot -o name -r tank)" = "$dataset@auto snap:2026-11-24_10:00" ]
for file in /root/x "$home/x" /x; do [ ! -e "$file" ]; done
