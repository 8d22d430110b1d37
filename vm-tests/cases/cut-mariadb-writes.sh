#!/bin/bash
# DESCRIPTION: MariaDB: the power fails while clients write on the upgraded version; with the flushed binary log that `check` asks for all of it comes back, without it the proof halts and undo loses nothing
# STRATEGY: a disk that forgets what was not flushed, and a ZFS that flushes late; what clients were told is counted in the tables and in the log after each boot
# stage: backout-upgraded
# uses: backout
# cuts: writes-flushed writes-not-flushed
# faults: yes
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/cut.sh

# in_log TABLE: how many of its rows the binary log has.
in_log() {
  sql -e 'SHOW BINARY LOGS' | cut -f1 | while read -r file; do mariadb-binlog --no-defaults --base64-output=decode-rows --verbose "/var/lib/mysql/$file"; done \
    | grep -cF "### INSERT INTO \`shop\`.\`$1\`" || true
}
rows_of() { sql shop -e "SELECT COUNT(*) FROM $1"; }

# The pool lies in files of the system's disk, which each commit flushes, too: a second without one before each cut, so that the number which nobody
# flushes is behind.
unflushed
mariadb_upgraded
if ! was_cut writes-flushed; then
  zpool sync tank
  zfs_flushes_late
  many_transactions told 300
  sleep 1
  cut_here writes-flushed
  sleep infinity
fi
if ! was_cut writes-not-flushed; then
  echo "== what clients were told is in the tables and in the log"
  [ "$(rows_of told)" = 300 ]
  [ "$(in_log told)" = 300 ]
  echo "cut in the middle" >/dev/console
  echo "== the setting is taken away behind the tool's back"
  sql shop -e 'CREATE TABLE lost (n INT NOT NULL) ENGINE=InnoDB'
  sql -e 'SET GLOBAL sync_binlog = 0'
  zpool sync tank
  zfs_flushes_late
  many_transactions lost 300
  sleep 1
  cut_here writes-not-flushed
  sleep infinity
fi
/case/guest/dump.sh >/root/dump-new
kept=$(rows_of lost) log=$(in_log lost)
echo "of 300 rows $kept are in the table, $log in the binary log"
[ "$(rows_of told)" = 300 ]
[ "$kept" -gt "$log" ]
echo "== the proof finds what the log has lost; undone, nothing is"
expect 6 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F "missing in rows: shop.lost" /root/said
# These and no others: what was told with the log flushed came back.
grep -F "$((kept - log)) missing, 0 unexpected" /root/said
fault "power cut while clients write, MariaDB, sync_binlog=1" resumed
backout abort --yes
mariadb_version | grep -F 11.8
mariadb_upgraded
same_dump /root/dump-new
fault "power cut while clients write, MariaDB, sync_binlog=0" halted
