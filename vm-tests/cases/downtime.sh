#!/bin/bash
# DESCRIPTION: how long clients are shut out: backout's downgrade, and the same steps by hand, in one guest
# STRATEGY: downgrade with backout, undo, downgrade with the plain script; both end with the same dump; the times are printed, and decide nothing
# stage: backout-upgraded
# uses: backout
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
change=/var/lib/backout/changes/$(change_id)
backout downgrade --keep --yes
same_dump /root/dump-new
backout log | awk '
  / stop: started$/ { cmd = "date -d \"" $1 " " $2 " " $3 "\" +%s"; cmd | getline stop; close(cmd) }
  / start: done$/ { cmd = "date -d \"" $1 " " $2 " " $3 "\" +%s"; cmd | getline start; close(cmd) }
  END { printf "backout: clients were shut out for %d s\n", start - stop }' | tee /result/downtime
backout undo --yes
mariadb_upgraded
export SAVED=/var/backups/by-hand SNAPSHOT
SNAPSHOT=$(zfs list -H -t snapshot -o name -d 1 tank/mysql | sed 's/.*@//' | head -n 1)
mkdir -p "$SAVED/deb" "$SAVED/binlog"
cp "$change"/installer/*.deb "$SAVED/deb/"
cp /root/gtid-before "$SAVED/gtid-before"
tar -C "$change/config-previous" -cf "$SAVED/etc-mysql.tar" etc/mysql
bash /case/by-hand/mariadb-downgrade.sh after | tee /root/by-hand
same_dump /root/dump-new
sed -n 's/^clients/by hand: clients/p' /root/by-hand | tee -a /result/downtime
cat /result/downtime
