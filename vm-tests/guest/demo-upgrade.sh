#!/bin/bash
# The first part of the demo, in the guest: a shop on MariaDB 10.11 and ZFS is upgraded with backout, and goes on selling.
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
say() { printf '\n=== %s\n' "$*"; }
say "MariaDB $(mariadb_version) on ZFS, with a shop in it"
pool_create tank 2G
mariadb_on_zfs tank/mysql
mariadb_seed
zfs list -r tank
sql -e "SELECT COUNT(*), 'orders' FROM shop.orders UNION ALL SELECT COUNT(*), 'customers' FROM shop.customers"
site_file
say "backout check: can this host upgrade, and come back?"
backout check
say "backout upgrade: snapshot, then 11.8"
backout upgrade --yes
mariadb_upgraded
say "On $(mariadb_version) the shop goes on: rows, updates, deletes, a new table, a new user"
mariadb_write_on_new
/case/guest/dump.sh >/root/dump-new
grep ^ROWS /root/dump-new
