#!/bin/bash
# DESCRIPTION: backout took PostgreSQL from 15 to 17; clients have written since; /root/dump-new is what it holds
# stage: postgresql-seeded
# uses: backout
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/packages.sh
. /case/guest/postgresql.sh
. /case/guest/backout.sh
backout check
backout plan
backout upgrade --yes
postgresql_version | grep -F postgresql-17
pg -c 'SHOW server_version' | grep '^17'
# What pg_upgradecluster leaves out is there, and the old version's unit is nobody's.
pg -c 'SHOW work_mem' | grep -Fx 5MB
systemctl is-active postgresql@17-main.service
[ ! -e /etc/systemd/system/postgresql@15-main.service ]
[ ! -e /etc/postgresql/15/main ]
[ "$(pg -d shop -c 'SELECT count(*) FROM orders')" = 4000 ]
postgresql_write_on_new
postgresql_dump >/root/dump-new
cp /root/dump-new /result/dump-new
wc -l /root/dump-new
