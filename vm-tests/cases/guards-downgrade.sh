#!/bin/bash
# DESCRIPTION: before a downgrade, each check refuses or asks for a yes by name; nothing is touched; then the downgrade succeeds
# STRATEGY: newer, held and cloned snapshots of others, a damaged installer, an edited copy of the playbook, a second run: status 3, 5 or 6, and nothing changed
# stage: backout-upgraded
# uses: backout backout-static
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
pid=$(pidof mariadbd)
id=$(change_id)
change=/var/lib/backout/changes/$id

zfs snapshot tank/mysql@autosnap_2026-11-23_15:00:00_hourly
before=$(world)
echo "== a newer snapshot: in place it would be destroyed, so it must be named"
refuses newer-snapshots downgrade --in-place
grep -F 'tank/mysql@autosnap_2026-11-23_15:00:00_hourly' /root/said
zfs hold keep tank/mysql@autosnap_2026-11-23_15:00:00_hourly
refuses newer-held downgrade --in-place
zfs release keep tank/mysql@autosnap_2026-11-23_15:00:00_hourly
zfs clone -o canmount=noauto tank/mysql@autosnap_2026-11-23_15:00:00_hourly tank/theirs; before=$(world)
refuses newer-cloned downgrade --in-place
zfs destroy tank/theirs; before=$(world)

echo "== the name that the upgraded state would get is taken"
zfs create tank/mysql.upgraded
refuses name-beside downgrade --keep
zfs destroy tank/mysql.upgraded

echo "== the installer is not as it was put aside"
deb=$(find "$change/installer" -name '*.deb' | head -n 1)
cp -p "$deb" /root/deb
printf 'x' >>"$deb"
refuses installer downgrade
cp -p /root/deb "$deb"

echo "== the change's copy of the playbook was edited"
cp -p "$change/playbook.toml" /root/playbook.toml
echo '# edited' >>"$change/playbook.toml"
expect 6 backout downgrade --yes
cp -p /root/playbook.toml "$change/playbook.toml"

echo "== two at once"
mkdir -p /run/backout
flock /run/backout/lock sleep 20 &
sleep 1
expect 5 backout downgrade --yes
wait
[ "$(world)" = "$before" ]
[ "$(pidof mariadbd)" = "$pid" ]

echo "== the snapshot is named: it goes through, by the rescue binary with the zfs command alone"
/case/bin/backout-static downgrade --in-place --yes --accept tank/mysql@autosnap_2026-11-23_15:00:00_hourly
mariadb_version | grep -F 10.11
same_dump /root/dump-new
