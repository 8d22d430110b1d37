#!/bin/bash
# DESCRIPTION: PostgreSQL 15 (Debian's cluster main) on tank/postgresql, with a database of a shop, running, ready for an upgrade
# stage: none
# packages: postgresql-15 postgresql-17/trixie
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/packages.sh
. /case/guest/postgresql.sh
pool_create tank 2G
postgresql_on_zfs tank/postgresql
postgresql_seed
postgresql_site
postgresql_dump >/root/dump-old
wc -l /root/dump-old
