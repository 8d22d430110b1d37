#!/bin/bash
# DESCRIPTION: MariaDB: the power fails within the replay into a server whose configuration does not flush the binary log, as `check` was told by SET GLOBAL alone; what was not flushed is lost
# STRATEGY: as cut-mariadb-in-place, from an upgrade without `sync_binlog` in the configuration: what flushes is the server without clients alone
# stage: seeded
# uses: backout
# cuts: rollback:applied reinstall:applied within-restore restore:applied
# story: MariaDB told by SET GLOBAL, downgrade in place
# faults: yes
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/cut.sh
UNIT=mariadb.service
if [ ! -f /root/prepared ]; then
  sed -i '/^sync_binlog/d' /etc/mysql/mariadb.conf.d/90-backout.cnf
  systemctl restart mariadb.service
  [ "$(sql -e 'SELECT @@sync_binlog')" = 0 ]
  sql -e 'SET GLOBAL sync_binlog = 1'
  site_file
  backout upgrade --yes
  mariadb_upgraded
  sql -e 'SET GLOBAL sync_binlog = 1'
  mariadb_write_on_new
fi
long_replay 1000
zfs_flushes_late
cut_when within-restore half_replayed ticks 1000
go_on "backed out" downgrade --in-place
mariadb_version | grep -F 10.11
# What was put back does not flush either.
[ "$(sql -e 'SELECT @@sync_binlog')" = 0 ]
same_dump /root/dump-new
