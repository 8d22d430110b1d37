# shellcheck shell=bash disable=SC2034
# MariaDB, as story.sh asks for it. Needs: mariadb.sh, backout.sh, cut.sh.
OLD=10.11 NEW=11.8 UNIT=mariadb.service DATASETS=$'tank\ntank/mysql' UP=() DOWN=()

mariadb_same() { same_dump "$1"; }
mariadb_dump_to() { /case/guest/dump.sh >"$1"; }
mariadb_rests() {
  # The new version works on its tables after a start.
  case $1 in undo | upgrade | abort) mariadb_upgraded ;; esac
}
mariadb_begins() { :; }
mariadb_meanwhile() { :; }
mariadb_meanwhile_ends() { :; }
mariadb_boots() { zfs_flushes_late; }
mariadb_cut_within() { cut_when within-restore half_replayed ticks "$1"; }
mariadb_prepares() { long_replay "$1"; }
mariadb_is_back() { :; }

# What flushes the log is a setting that is gone with the next start, as `check` was told by hand: on the old version, and on the new one.
mariadb_set_global_prepares() {
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
  long_replay "$1"
}
# What was put back does not flush either.
mariadb_set_global_is_back() { [ "$(sql -e 'SELECT @@sync_binlog')" = 0 ]; }

# in_log TABLE: how many of its rows the binary log has.
in_log() {
  sql -e 'SHOW BINARY LOGS' | cut -f1 | while read -r file; do mariadb-binlog --no-defaults --base64-output=decode-rows --verbose "/var/lib/mysql/$file"; done \
    | grep -cF "### INSERT INTO \`shop\`.\`$1\`" || true
}
rows_of() { sql shop -e "SELECT COUNT(*) FROM $1"; }

# cut_after_writes POINT TABLE: the power fails when clients were told of 300 rows.
# The pool lies in files of the system's disk, which each commit flushes, too: a second without one before each cut, so that the number which nobody
# flushes is behind.
cut_after_writes() {
  zpool sync tank
  zfs_flushes_late
  many_transactions "$2" 300
  sleep 1
  cut_here "$1"
  sleep infinity
}

mariadb_cut_while_writing() {
  local kept log
  unflushed
  mariadb_upgraded
  was_cut writes-flushed || cut_after_writes writes-flushed told
  if ! was_cut writes-not-flushed; then
    echo "== what clients were told is in the tables and in the log"
    [ "$(rows_of told)" = 300 ]
    [ "$(in_log told)" = 300 ]
    echo "cut in the middle" >/dev/console
    echo "== the setting is taken away behind the tool's back"
    sql shop -e 'CREATE TABLE lost (n INT NOT NULL) ENGINE=InnoDB'
    sql -e 'SET GLOBAL sync_binlog = 0'
    cut_after_writes writes-not-flushed lost
  fi
  mariadb_dump_to /root/dump-new
  kept=$(rows_of lost)
  log=$(in_log lost)
  echo "of 300 rows $kept are in the table, $log in the binary log"
  [ "$(rows_of told)" = 300 ]
  [ "$kept" -gt "$log" ]
  echo "== the proof finds what the log has lost; given up, nothing is"
  expect 6 backout downgrade --keep --yes 2>&1 | tee /root/said
  grep -F "missing in rows: shop.lost" /root/said
  # These and no others: what was told with the log flushed came back.
  grep -F "$((kept - log)) missing, 0 unexpected" /root/said
  fault "power cut while clients write, MariaDB, sync_binlog=1" resumed
  backout abort --yes
  is_at "$NEW"
  same new abort
  fault "power cut while clients write, MariaDB, sync_binlog=0" halted
}
