#!/bin/bash
# DESCRIPTION: tables that a replay does not bring back are carried whole: generated columns, a default of UUID(), MEMORY, no index; a kill within the load; the programs that are kept run
# STRATEGY: on the upgraded guest: the statements of whole.sql; downgrade, killed while tables are loaded, resumed; compare dumps, indexes and what was named; the kept programs in a chroot; undo, compare
# stage: backout-upgraded
# uses: backout
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
sql --comments --binary-mode </case/guest/whole.sql
/case/guest/dump.sh >/root/dump-whole
echo "== downgrade, killed while the tables are loaded"
crash_at whole:loaded downgrade --keep
# The journal names each table, with the reason.
for table in a g m n; do grep -F "\"name\":\"whole.$table\"" /var/lib/backout/changes/*/journal >/dev/null; done
backout resume
mariadb_version | grep -F 10.11
same_dump /root/dump-whole
echo "== the index answers as the table does, and the trigger is there"
[ "$(sql -e 'SELECT COUNT(*) FROM whole.g FORCE INDEX (v) WHERE v BETWEEN 60 AND 90')" = "$(sql -e 'SELECT COUNT(*) FROM whole.g IGNORE INDEX (v) WHERE a * 3 BETWEEN 60 AND 90')" ]
[ "$(sql -e 'SELECT COUNT(*) FROM whole.g WHERE s <> a * 2')" = 0 ]
tables_whole whole.g whole.a whole.n
[ "$(sql -e 'SELECT COUNT(*) FROM whole.seen')" = 1 ]
sql -e 'SHOW TRIGGERS FROM whole' | grep -F g_seen
echo "== the upgraded version's programs are kept, and run"
root=$(echo /var/lib/backout/changes/*/upgraded-programs/root)
chroot "$root" /usr/sbin/mariadbd --version | grep -F 11.8
chroot "$root" mariadb-dump --version
du -sh "$root"
echo "== undo"
backout undo --yes
mariadb_version | grep -F 11.8
mariadb_upgraded
same_dump /root/dump-whole
