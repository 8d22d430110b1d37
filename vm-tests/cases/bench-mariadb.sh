#!/bin/bash
# DESCRIPTION: a benchmark of MariaDB: how long clients are shut out by each way back, and by the same steps by hand, in one guest
# STRATEGY: for each size and delta: upgrade, write, go back in each way, undo, compare the content; the plain script is the last; times are noted, and decide nothing
# stage: seeded
# uses: backout
# when: all
# disk: 16G
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/downtime.sh
. /case/guest/bench.sh

# rows TABLE FROM TO: so many rows of 1 KB that do not compress well.
rows() {
  printf "INSERT INTO shop.%s SELECT seq, CONCAT(%s) FROM seq_%d_to_%d;" "$1" \
    "$(for salt in a b c d e f g h; do printf "SHA2(CONCAT(seq, '%s'), 512)," "$salt"; done | sed 's/,$//')" "$2" "$3"
}

have=0
grow() {
  sql -e 'DROP TABLE IF EXISTS shop.delta; CREATE TABLE IF NOT EXISTS shop.bulk (n INT PRIMARY KEY, pad TEXT NOT NULL) ENGINE=InnoDB'
  # In batches, and apart from the binary log: it is old data, and its log would take as much room again.
  while [ "$have" -lt $(($1 * 1000)) ]; do
    sql shop -e "SET sql_log_bin = 0; $(rows bulk $((have + 1)) $((have + 20000)))"
    have=$((have + 20000))
  done
  sql -e 'SELECT @@gtid_binlog_pos' >/root/gtid-before
}
site() { site_file; }
upgraded() { mariadb_upgraded; }
delta() {
  local row
  sql shop -e 'CREATE TABLE shop.delta (n INT PRIMARY KEY, pad TEXT NOT NULL) ENGINE=InnoDB'
  for ((row = 0; row < $1 * 1000; row += 1000)); do sql shop -e "$(rows delta $((row + 1)) $((row + 1000)))"; done
  sql -e 'UPDATE shop.bulk SET pad = REVERSE(pad) WHERE n % 500 = 0; DELETE FROM shop.bulk WHERE n % 997 = 0'
}
content() {
  sql -e 'SELECT COUNT(*), SUM(n), SUM(CRC32(pad)) FROM shop.bulk; SELECT COUNT(*), SUM(n), SUM(CRC32(pad)) FROM shop.delta;
    SELECT COUNT(*), SUM(id), SUM(CRC32(email)) FROM shop.customers'
}
by_hand() {
  downgrade_by_hand
  took=$(sed -n 's/^clients were shut out for \(.*\) s$/\1/p' /root/by-hand)
  rm -rf "$SAVED"
}

# On a dataset of its own, so that the upgraded data is still there.
dump_and_load() {
  local began
  began=$(now)
  mariadb-dump --skip-ssl --all-databases --routines --events --single-transaction --hex-blob >/srv/dump.sql
  systemctl stop mariadb.service
  systemctl mask --runtime --quiet mariadb.service
  zfs set canmount=noauto tank/mysql
  zfs unmount tank/mysql
  dataset_create tank/loaded /var/lib/mysql -o recordsize=16K -o atime=off
  chown mysql:mysql /var/lib/mysql
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --allow-downgrades -o Dpkg::Options::=--force-confold \
    "/var/lib/backout/changes/$(change_id)"/installer/*.deb >/root/apt-loaded 2>&1
  [ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --auth-root-authentication-method=socket >/root/install-db 2>&1
  systemctl unmask --runtime --quiet mariadb.service
  systemctl start mariadb.service
  # Without the system's own tables, which are not those of the older version.
  awk '/^-- Current Database: `/ { skip = ($0 ~ /`(mysql|sys)`$/) } !skip' /srv/dump.sql | sql --init-command='SET sql_log_bin = 0'
  took=$(since "$began")
  same_content
  systemctl stop mariadb.service
  zfs unmount tank/loaded
  zfs destroy -r tank/loaded
  rm /srv/dump.sql
  zfs set canmount=on tank/mysql
  zfs mount tank/mysql
  mariadb_upgrade_packages /root/apt-again
  mariadb_upgraded
  same_content
}

bench MariaDB tank/mysql 1200 'delta full switch' 100:1 100:100 1000:1 1000:100
