#!/bin/bash
# DESCRIPTION: sanoid, zfs-auto-snapshot and syncoid from Debian run around an open change: no snapshot of it is destroyed, what is kept beside the data is neither snapshotted nor sent, and every way is open still
# STRATEGY: the tools run while a standby is there, after a kept downgrade and after its undo, two hours later each time, so that they prune; sanoid has the sections of the operator's guide
# stage: redis-upgraded
# uses: backout
# packages: sanoid zfs-auto-snapshot
# when: all
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
systemctl mask --quiet --runtime cron.service sanoid.timer
# OpenZFS of this guest may be no package. Then a package without files stands for it.
here=()
for deb in /case/packages/*.deb; do
  [[ ${deb##*/} =~ ^(zfsutils-linux|zfs-fuse|zfs-zed|zfs-dkms|lib(zfs|zpool|nvpair|uutil)[0-9a-z]*)_ ]] || here+=("$deb")
done
if [ "$(dpkg-query -W -f '${db:Status-Status}' zfsutils-linux 2>/dev/null || true)" != installed ]; then
  mkdir -p /root/stand-in/DEBIAN
  printf '%s\n' 'Package: zfsutils-linux' 'Version: 9.9' 'Architecture: all' 'Maintainer: Nobody <nobody@localhost>' 'Description: it is here, and no package' \
    >/root/stand-in/DEBIAN/control
  dpkg-deb --build /root/stand-in /root/stand-in.deb >/dev/null
  here+=(/root/stand-in.deb)
fi
# What others need before their scripts run is configured by the time before.
for _ in 1 2 3 4; do
  if dpkg -i "${here[@]}" >/root/installed 2>&1; then break; fi
done
dpkg -i "${here[@]}" >/root/installed 2>&1 || { cat /root/installed; exit 1; }
pool_create backup 1G 8
mkdir -p /etc/sanoid
snapshots() { zfs list -H -t snapshot -o name -d 1 "$1"; }

# sanoid_conf SECTION...: everything on the pool, and nothing of these, as the operator's guide has it.
sanoid_conf() {
  local name
  {
    printf '%s\n' '[tank]' 'use_template = all' 'recursive = yes' 'process_children_only = yes'
    for name in "$@"; do printf '%s\n' "$name" 'use_template = beside'; done
    printf '%s\n' '[template_all]' 'hourly = 1' 'frequently = 0' 'daily = 0' 'monthly = 0' 'yearly = 0' 'autosnap = yes' 'autoprune = yes'
    printf '%s\n' '[template_beside]' 'autosnap = no' 'autoprune = no' 'monitor = no'
  } >/etc/sanoid/sanoid.conf
}

# tools: two hours later, each tool as its own timer or cron file runs it.
tools() {
  date -s '+2 hours' >/dev/null
  sanoid --cron --verbose
  zfs-auto-snapshot --quiet --label=hourly --keep=1 //
  syncoid --recursive --no-privilege-elevation --quiet tank backup/tank 2>&1
}

# kept: the snapshot before the upgrade is there and held; each tool did its work on the data.
kept() {
  local newest
  [ "$(zfs list -H -t snapshot -o name -r tank | grep -c -E "@backout-$change$")" = 1 ]
  zfs holds -H "$(zfs list -H -t snapshot -o name -r tank | grep -E "@backout-$change$")" | grep -F "backout:$change"
  for newest in autosnap_ zfs-auto-snap_hourly syncoid_; do snapshots tank/redis | grep -F "@$newest"; done
}

# left_alone DATASET: nobody took a snapshot of it since, or sent it away.
left_alone() {
  [ "$(snapshots "$1")" = "$(cat /root/before)" ]
  if zfs list "backup/${1}" 2>/dev/null; then return 1; fi
}

change=$(change_id)
echo "== the change is open, and a standby is there"
backout standby start --yes
sanoid_conf '[tank/redis.standby]' '[tank/redis.reserve]'
snapshots tank/redis.standby >/root/before
for _ in 1 2 3; do tools; done
kept
left_alone tank/redis.standby
# zfs-auto-snapshot keeps one: it does prune.
[ "$(snapshots tank/redis | grep -c zfs-auto-snap_)" = 1 ]
# What holds room back is passed over, too.
[ -z "$(snapshots tank/redis.reserve)" ]
expect 0 backout status
backout standby stop --yes

echo "== after a kept downgrade"
backout downgrade --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
sanoid_conf '[tank/redis.upgraded]' '[tank/redis.reserve]'
snapshots tank/redis.upgraded >/root/before
# A replica that was begun after the upgrade has no snapshot that the restored data has.
zfs destroy -r backup/tank
for _ in 1 2; do tools; done
left_alone tank/redis.upgraded
zfs list -H -t snapshot -o name -r tank | grep -F "@backout-$change"

echo "== after its undo"
backout undo --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
# Excluded no more.
[ "$(zfs get -H -o source com.sun:auto-snapshot tank/redis)" = - ]
sanoid_conf '[tank/redis.undone]' '[tank/redis.reserve]'
snapshots tank/redis.undone >/root/before
zfs destroy -r backup/tank
tools
left_alone tank/redis.undone

echo "== and back for good"
backout downgrade --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
accept=()
for name in $(zfs list -H -t snapshot -o name -r tank | grep -v -F "@backout-"); do accept+=(--accept "$name"); done
fully_proved
backout commit --yes "${accept[@]}"
[ -z "$(zfs list -H -t snapshot -o name -r tank | grep -F @backout- || true)" ]
same_redis /root/dump-new
