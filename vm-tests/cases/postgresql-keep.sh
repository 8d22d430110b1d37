#!/bin/bash
# DESCRIPTION: PostgreSQL comes back from 17 to 15 and the upgraded state is kept; what 15 has no words for is named before anything is stopped; undo returns, and down again; commit drops it
# STRATEGY: on the upgraded guest: a view that only 17 has is refused by check, and left out after a yes; downgrade, compare pg_dumpall; undo, compare; downgrade in place, compare
# stage: postgresql-upgraded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/packages.sh
. /case/guest/postgresql.sh
. /case/guest/backout.sh
echo "== what only 17 has is named, before anything is stopped"
pg -d shop -c "CREATE VIEW of_17 AS SELECT * FROM JSON_TABLE('[1]'::jsonb, '\$[*]' COLUMNS (a int PATH '\$'))"
expect 3 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F 'VIEW of_17 postgres: ' /root/said
systemctl is-active postgresql@17-main.service
pg -d shop -c 'DROP VIEW of_17'
echo "== downgrade"
backout downgrade --keep --yes
postgresql_version | grep -F postgresql-15
pg -c 'SHOW server_version' | grep '^15'
same_postgresql /root/dump-new
backout status
zfs list -t all -r tank
echo "== undo"
backout undo --yes
pg -c 'SHOW server_version' | grep '^17'
same_postgresql /root/dump-new
echo "== downgrade in place"
backout downgrade --in-place --yes
pg -c 'SHOW server_version' | grep '^15'
same_postgresql /root/dump-new
pg -c 'SHOW work_mem' | grep -Fx 5MB
echo "== commit"
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
[ ! -e /etc/postgresql/17/main ]
systemctl is-active postgresql@15-main.service
same_postgresql /root/dump-new
