#!/bin/bash
# DESCRIPTION: MariaDB 10.11 rejects what was written on 11.8 (a VECTOR column, a TIMESTAMP after 2038, what depends on them): kept, named, counted, accepted; an interrupted replay continues by GTID
# STRATEGY: halt at the first reject, abort; again, accept the rejects (interrupted and killed in between), accept the differences; kept and in place; the dump is what was written except for the rejected transactions, each left out completely
# stage: backout-upgraded
# uses: backout
# faults: service
# when: all
# limit: 5400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh

change_folder() { echo "/var/lib/backout/changes/$(change_id)"; }

# What the old version can take: before and behind what it rejects.
good() {
  sql shop -e "
    INSERT INTO audit (id, what) VALUES (900001, 'behind the rejects');
    UPDATE products SET in_stock = in_stock + 5 WHERE id = 7;
    INSERT INTO customers (id, name, email, created_at) VALUES (900001, 'Good', 'good@example.net', '2026-01-01');"
}
ungood() {
  sql shop -e "
    DELETE FROM audit WHERE id = 900001;
    UPDATE products SET in_stock = in_stock - 5 WHERE id = 7;
    DELETE FROM customers WHERE id = 900001;"
}

echo "== the state that must come back: without anything that 10.11 rejects"
good
sql shop -e "CREATE TABLE copies AS SELECT id, name FROM customers WHERE id < 10;"
/case/guest/dump.sh >/root/dump-good
sql shop -e "DROP TABLE copies;"
ungood
same_dump /root/dump-new
echo "== six transactions that it rejects, and behind them the same good ones"
sql shop -e "
  CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(3) NOT NULL) ENGINE=InnoDB;
  INSERT INTO vectors VALUES (1, VEC_FromText('[1,2,3]')), (2, VEC_FromText('[4,5,6]'));"
sql shop -e "
  START TRANSACTION;
  UPDATE customers SET note = 'together with a vector: left out whole' WHERE id = 5;
  INSERT INTO vectors VALUES (3, VEC_FromText('[7,8,9]'));
  COMMIT;"
sql shop -e "SET time_zone = '+00:00';
  INSERT INTO orders (id, customer_id, placed_at, total) VALUES (900001, 7, '2050-01-01 00:00:00', 1.00);"
sql shop -e "UPDATE orders SET total = 2.00 WHERE id = 900001;"
sql shop -e "CREATE INDEX more ON vectors (id);"
good
sql shop -e "CREATE TABLE copies AS SELECT id, name FROM customers WHERE id < 10;"
/case/guest/dump.sh >/root/dump-all
cp /root/dump-good /root/dump-all /result/
if cmp -s /root/dump-good /root/dump-all; then exit 1; fi

# The replay's client, cut short once: /run/cut says which client it is, and after how many transactions.
cat >/usr/local/bin/mariadb <<'CUT'
#!/bin/bash
if [ -s /run/cut ] && [[ "$*" = *--unbuffered* ]]; then
  read -r client count </run/cut
  if [ "$client" -gt 1 ]; then
    echo "$((client - 1)) $count" >/run/cut
  else
    rm /run/cut
    awk -v count="$count" '/gtid_seq_no=/ && ++n > count { exit } { print; fflush() }' | /usr/bin/mariadb "$@"
    exit 1
  fi
fi
exec /usr/bin/mariadb "$@"
CUT
chmod 755 /usr/local/bin/mariadb

echo "== a replay that is cut off, and one that is rejected"
echo 1 20 >/run/cut
expect 1 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F 'the restore failed' /root/said
expect 6 backout resume 2>&1 | tee /root/said
fault "replay cut off half-way" resumed
grep -F 'the previous version rejects 1 item' /root/said
grep -F "Unknown data type: 'VECTOR'" /root/said
grep -F 'backout resume --accept-rejects' /root/said
expect 6 backout status
expect 2 backout resume --accept-differences
expect 6 backout resume
systemctl is-active mariadb.service && exit 1
fault "rejected by the old version" halted
backout abort --yes
mariadb_version | grep -F 11.8
mariadb_upgraded
same_dump /root/dump-all

# accepted ENDING: the rejects are named once each; to the end with the second answer; the service is open and holds the good ones.
accepted() {
  local rejects
  rejects=$(change_folder)/rejects${1:-}
  cat "$rejects"
  [ "$(stat -c %a "$rejects")" = 600 ]
  [ "$(wc -l <"$rejects")" = 6 ]
  [ "$(cut -f1 "$rejects" | sort -u | wc -l)" = 6 ]
  grep -F '6 items were rejected' /root/said
  grep -F 'proof: ' /root/said
  expect 6 backout status | tee /root/said
  grep -F '6 items were rejected by it and left out' /root/said
  backout resume --accept-differences | tee /root/said
  grep -F '6 items were rejected by it and left out' /root/said
  mariadb_version | grep -F 10.11
  same_dump /root/dump-good
  backout status | grep -F 'but for what was answered for'
}

echo "== accepted; cut off and killed on the way; kept"
expect 6 backout downgrade --keep --yes
echo 3 1 >/run/cut
expect 1 backout resume --accept-rejects
[ ! -e /run/cut ]
[ "$(wc -l <"$(change_folder)/rejects-2")" = 2 ]
crash_at_resume restore:applied
expect 6 backout resume 2>&1 | tee /root/said
accepted -2
fault "replay past the rejects cut off" resumed
fault "replay past the rejects killed" resumed
fault "rejects accepted, kept" resumed
backout undo --yes
mariadb_version | grep -F 11.8
mariadb_upgraded
same_dump /root/dump-all

echo "== accepted, in place: no way but forward"
expect 6 backout downgrade --in-place --yes
expect 3 backout abort --yes
expect 6 backout resume --accept-rejects 2>&1 | tee /root/said
accepted -3
fault "rejects accepted, in place" resumed
backout commit --yes
same_dump /root/dump-good
