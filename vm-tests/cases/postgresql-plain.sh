#!/bin/bash
# DESCRIPTION: PostgreSQL as Debian makes its cluster, with nothing of the site's beside its configuration files: /etc/postgresql/15 goes with the upgrade, and comes back with its owner
# STRATEGY: remove what the site has in conf.d; upgrade; a switch, an undo and a downgrade in place, each with the folder looked at and pg_dumpall compared
# stage: postgresql-seeded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/packages.sh
. /case/guest/postgresql.sh
. /case/guest/backout.sh
same_folders() { stat -c '%n %U:%G %a' /etc/postgresql "/etc/postgresql/$1" "/etc/postgresql/$1/main" | sed "s/$1/V/" | diff /root/folders -; }
rm /etc/postgresql/15/main/conf.d/90-site.conf
pg_conftool 15 main set wal_level logical
systemctl restart postgresql@15-main.service
stat -c '%n %U:%G %a' /etc/postgresql /etc/postgresql/15 /etc/postgresql/15/main | sed 's/15/V/' >/root/folders
backout upgrade --yes
[ ! -e /etc/postgresql/15 ]
postgresql_write_on_new
postgresql_dump >/root/dump-new
echo "== switch"
backout standby start --yes
backout downgrade --deadline 5m --yes
pg -c 'SHOW server_version' | grep '^15'
same_folders 15
same_postgresql /root/dump-new
echo "== undo"
backout undo --yes
pg -c 'SHOW server_version' | grep '^17'
same_folders 17
same_postgresql /root/dump-new
echo "== downgrade in place, the folder being gone again"
rm -rf /etc/postgresql/15
backout downgrade --in-place --yes
pg -c 'SHOW server_version' | grep '^15'
same_folders 15
same_postgresql /root/dump-new
systemctl is-active postgresql@15-main.service
