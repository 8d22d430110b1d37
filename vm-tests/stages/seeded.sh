#!/bin/bash
# DESCRIPTION: MariaDB 10.11 on tank/mysql with the shop in it, running, ready for an upgrade
# stage: none
# limit: 600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
pool_create tank 2G
mariadb_on_zfs tank/mysql
mariadb_version
mariadb_seed
sql -e "SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1"
/case/guest/dump.sh >/result/dump
grep ^ROWS /result/dump
