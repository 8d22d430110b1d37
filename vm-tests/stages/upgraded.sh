#!/bin/bash
# DESCRIPTION: MariaDB went from 10.11 to 11.8 by hand, after a held snapshot; clients have written since; /root/dump-new is what it holds
# stage: seeded
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
/case/by-hand/mariadb-downgrade.sh before
began=$SECONDS
mariadb_upgrade_packages /result/apt-upgrade.log
mariadb_upgraded
echo "now at $(mariadb_version), the upgrade took $((SECONDS - began)) s"
mariadb_write_on_new
/case/guest/dump.sh >/root/dump-new
