#!/bin/bash
# DESCRIPTION: a kept downgrade of MariaDB compares the rows that the log touched; a spoiled row among them halts it; one elsewhere is found by the full proof on clones; commit waits for that
# STRATEGY: rows of the restored data are changed past the binary log before they are listed, one that clients had written to and one that they had not
# stage: backout-upgraded
# uses: backout
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
private() { sql --socket=/run/backout-mariadb/mariadbd.sock --user=root "$@"; }

sql shop -e 'CREATE TABLE IF NOT EXISTS big (id INT PRIMARY KEY, v INT); INSERT INTO big SELECT seq, seq FROM seq_1_to_1000'

echo "== a row that a client changed is spoiled: the delta proof halts"
crash_at prove:done downgrade --keep
crash_log=/var/lib/backout/changes/$(change_id)
ls "$crash_log"/inventory/*
backout undo --yes || backout abort --yes
mariadb_version | grep -F 11.8
backout status
crash_at restore:done downgrade --keep
private shop -e "SET sql_log_bin = 0; UPDATE customers SET name = 'planted' WHERE id = 150; UPDATE order_lines SET quantity = 77 WHERE order_id = 19000 AND line = 1"
private shop -e 'SELECT * FROM order_lines WHERE order_id = 19000 AND line = 1' | grep 77
expect 6 backout resume 2>&1 | tee /root/said
grep -F 'shop.customers' /root/said
grep -F '1 missing, 1 unexpected' /root/said

echo "== it is mended by hand, and the rest of the delta is equal"
