#!/bin/bash
# DESCRIPTION: backout took MariaDB from 10.11 to 11.8; clients have written since; /root/dump-new is what it holds
# stage: seeded
# uses: backout
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
site_file
sql -e 'SELECT @@gtid_binlog_pos' >/root/gtid-before
backout check
backout plan
backout upgrade --yes
backout status
mariadb_upgraded
mariadb_version | grep -F 11.8
mariadb_write_on_new
/case/guest/dump.sh >/root/dump-new
cp /root/dump-new /result/dump-new
