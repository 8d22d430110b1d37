#!/bin/bash
# DESCRIPTION: what differs at the proof of a MariaDB downgrade is carried whole from a clone of the upgraded data; three kills within the repair; then everything is compared on clones, and commit
# STRATEGY: rows of the restored data are changed and deleted past the binary log before they are listed; resume --repair, killed while tables are written, afterwards and while they are loaded; compare dumps
# stage: backout-upgraded
# uses: backout
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh

# is_apart VERSION: the private server has that version, the clone as its data, and no door to clients.
is_apart() {
  local main
  private -e 'SELECT VERSION()' | grep -F "$1"
  [ "$(private -e 'SELECT @@skip_networking, @@extra_port, @@event_scheduler, @@datadir, @@tmpdir')" = $'1\t0\tOFF\t/var/lib/mysql/\t/var/lib/mysql' ]
  main=$(systemctl show -p MainPID --value backout-mariadb.service)
  grep -F " /var/lib/mysql " "/proc/$main/mounts" | grep -F tank/mysql.proof
}

sql shop -e "CREATE TABLE since (id INT PRIMARY KEY, t VARCHAR(40)); INSERT INTO since SELECT seq, CONCAT('row ', seq) FROM seq_1_to_2000;
  CREATE TABLE plain (n INT); INSERT INTO plain SELECT seq FROM seq_1_to_500;"
/case/guest/dump.sh >/root/dump-new

echo "== something that the log does not have changes the restored data"
crash_at restore:done downgrade --keep
private shop -e "SET sql_log_bin = 0; UPDATE since SET t = 'planted' WHERE id < 10; DELETE FROM since WHERE id > 1990; INSERT INTO plain VALUES (1), (777)"
expect 6 backout resume 2>&1 | tee /root/said
grep -F 'shop.since' /root/said
grep -F 'rows: 19 missing, 9 unexpected' /root/said
grep -F 'backout resume --repair' /root/said

echo "== the repair, killed while the upgraded version runs on the clone"
status=0
backout --crash-at repair:written resume --repair || status=$?
[ "$status" = 137 ]
is_apart 11.8
expect 4 backout status
crash_at_resume repair-write:applied
[ -z "$(zfs list -H -o name -r tank | grep -F .proof || true)" ]
crash_at_resume whole:loaded
fault "kill -9 in a repair" resumed 3
backout resume
mariadb_version | grep -F 10.11
same_dump /root/dump-new
no_clones backout-mariadb.service
tables_whole shop.since shop.plain

echo "== everything is compared afterwards"
sql -e 'CREATE DATABASE later; CREATE TABLE later.t (id INT PRIMARY KEY); INSERT INTO later.t VALUES (1)'
backout prove >/root/said 2>&1 &
pid=$!
for version in 11.8 10.11; do
  for _ in $(seq 600); do
    ! private -e 'SELECT VERSION()' 2>/dev/null | grep -F "$version" || break
    kill -0 "$pid" || { cat /root/said; exit 1; }
    sleep 0.1
  done
  kill -STOP "$pid"
  is_apart "$version"
  # The open server goes on.
  sql -e "INSERT INTO later.t SELECT MAX(id) + 1 FROM later.t"
  kill -CONT "$pid"
done
wait "$pid" || { cat /root/said; exit 1; }
cat /root/said
grep -F ' 0 missing, 0 unexpected' /root/said
no_clones backout-mariadb.service
[ "$(sql -e 'SELECT COUNT(*) FROM later.t')" = 3 ]
tables_whole later.t

echo "== and commit"
backout commit --yes
[ "$(zfs list -H -t all -o name -r tank)" = $'tank\ntank/mysql' ]
[ -z "$(find /var/lib/backout -type d -path '*/upgraded-programs*')" ]
sql -e 'DROP DATABASE IF EXISTS later'
same_dump /root/dump-new
