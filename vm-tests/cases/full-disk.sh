#!/bin/bash
# DESCRIPTION: the disk under the journal is full: an upgrade is refused before it begins; during one, the run stops and tells the truth; nothing is lost
# STRATEGY: a small file system for the state folder; too small from the start; then filled after the snapshot: an abort fails clearly, and works when there is room
# stage: seeded
# uses: backout
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
site_file
pid=$(pidof mariadbd)
state_on() { # SIZE
  umount /srv/state 2>/dev/null || true
  mkdir -p /srv/state
  rm -f /srv/state.img
  truncate -s "$1" /srv/state.img
  mke2fs -q -t ext4 -b 1024 -m 0 /srv/state.img
  mount -o loop /srv/state.img /srv/state
}
export BACKOUT_STATE=/srv/state/backout
echo "== too small from the start"
state_on 4M
refuses place-room upgrade
[ "$(pidof mariadbd)" = "$pid" ]
echo "== full in the middle"
state_on 256M
crash_at snapshot:done upgrade
dd if=/dev/zero of=/srv/state/filler bs=1k 2>/dev/null || true
# The last block of the journal may have room for a short record; the plan of an abort is longer than a block.
expect 1 backout abort --yes >/root/said 2>&1
cat /root/said
grep -F 'No space left on device' /root/said
expect 4 backout status >/root/status
cat /root/status
[ -n "$(zfs list -H -t snapshot -o name -r tank)" ]
rm -f /srv/state/filler
echo "== with room again"
# Where the plan found room, the abort was begun: it is gone on with.
if grep -F 'interrupted in the abort' /root/status; then backout resume; else backout abort --yes; fi
systemctl is-active mariadb.service
[ "$(sql -e 'SELECT COUNT(*) FROM shop.customers')" = 10000 ]
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
