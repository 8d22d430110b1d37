#!/bin/bash
# DESCRIPTION: what real clients do on 11.8 comes back on 10.11: character sets, time zones, SQL modes, sequences, CREATE TABLE ... SELECT, a statement longer than a packet, a MEMORY table
# STRATEGY: on the upgraded guest: the statements of both files clients.sql, and some of a client of latin1; downgrade, compare dumps; the table of the old server's own log; undo, compare
# stage: backout-upgraded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
sql --comments --binary-mode </case/playbooks/mariadb/tests/clients.sql
sql --comments --binary-mode </case/guest/clients.sql
printf "USE clients; CREATE TABLE l (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1 DEFAULT '\xe9', w VARCHAR(20) DEFAULT '\xe9') CHARACTER SET latin1;
  INSERT INTO l (id) VALUES (1); INSERT INTO l VALUES (2, '\xe8', '\xe7');" | mariadb --skip-ssl --default-character-set=latin1
/case/guest/dump.sh >/root/dump-clients
echo "== downgrade"
backout downgrade --keep --yes
mariadb_version | grep -F 10.11
same_dump /root/dump-clients
[ "$(sql -e "SELECT HEX(v), HEX(w) FROM clients.l WHERE id = 1")" = "$(printf 'E9\tE9')" ]
[ "$(sql -e 'SELECT COUNT(*), SUM(LENGTH(v)) FROM clients.many')" = "$(printf '20000\t20480000')" ]
echo "== CREATE TABLE ... SELECT stands in the old server's own log"
sql -e 'SHOW BINARY LOGS' | cut -f1 | while read -r file; do mariadb-binlog --no-defaults "/var/lib/mysql/$file"; done >/root/log
# shellcheck disable=SC2016
grep -a -F 'CREATE TABLE `c` (' /root/log
echo "== undo"
backout undo --yes
mariadb_version | grep -F 11.8
mariadb_upgraded
same_dump /root/dump-clients
