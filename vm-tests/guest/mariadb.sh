# shellcheck shell=bash
# MariaDB with its data on a dataset of its own, with the settings that a way back needs.
# Needs: pool.sh.

# --skip-ssl: the 11.8 client asks for a certificate that a 10.11 server has not got.
sql() { mariadb --skip-ssl --default-character-set=utf8mb4 --batch --skip-column-names "$@"; }

# private: asks the server without clients.
private() { sql --socket=/run/backout-mariadb/mariadbd.sock --user=root "$@"; }

mariadb_version() { dpkg-query -W -f '${Version}\n' mariadb-server; }

# mariadb_on_zfs [DATASET]: moves /var/lib/mysql onto a dataset, configures, starts, and enables at boot.
mariadb_on_zfs() {
  local dataset=${1:-tank/mysql}
  systemctl stop mariadb.service
  mv /var/lib/mysql /var/lib/mysql.image
  dataset_create "$dataset" /var/lib/mysql -o recordsize=16K -o atime=off
  cp -a /var/lib/mysql.image/. /var/lib/mysql/
  rm -rf /var/lib/mysql.image
  mariadb_configure
  apt-get update -qq
  systemctl enable --quiet mariadb.service
  systemctl start mariadb.service
}

mariadb_configure() {
  cat >/etc/mysql/mariadb.conf.d/90-backout.cnf <<'CNF'
[mariadbd]
# What was written after a snapshot is read from the binary log: it must be on, hold rows, and refuse to take an event twice.
log_bin                 = /var/lib/mysql/mysql-bin
binlog_format           = ROW
gtid_strict_mode        = 1
# And lose nothing of what a client was told in a power cut: the default, 0, leaves it to the system when the log is flushed.
sync_binlog             = 1
server_id               = 1
# It must not expire before the change is committed (50-server.cnf says 10 days).
expire_logs_days        = 0
# With nothing behind it 11.8 gives new tables the collations of 10.11, which passes over it.
loose-character-set-collations =
innodb_buffer_pool_size = 128M
CNF
}

mariadb_seed() { sql -e 'source /case/guest/seed.sql'; }

mariadb_write_on_new() { sql -e 'source /case/guest/write-on-new.sql'; }

# To 11.8, from the guest's own file repository.
mariadb_upgrade_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -t trixie -o Dpkg::Options::=--force-confold mariadb-server mariadb-client >"$1" 2>&1
}

# The unit of the package runs mariadb-upgrade in the background after a start: waits until it is through. Beside other guests that takes minutes.
mariadb_upgraded() {
  systemctl start mariadb.service
  timeout 1200 bash -c 'while pgrep -f "[m]ariadb-upgrade|[d]ebian-start" >/dev/null; do sleep 1; done' || {
    echo "mariadb-upgrade has not ended after twenty minutes" >&2
    return 1
  }
}

# many_transactions TABLE COUNT: so many, one row each, in a table without a key: one that is brought back twice shows.
many_transactions() {
  sql shop -e "CREATE TABLE IF NOT EXISTS $1 (n INT NOT NULL) ENGINE=InnoDB"
  seq -f "INSERT INTO $1 VALUES (%.0f);" "$2" | sql shop
}

# half_replayed TABLE COUNT: a server without clients has some of its rows, and not all: it is being replayed.
half_replayed() {
  local rows
  rows=$(private -e "SELECT COUNT(*) FROM shop.$1")
  [ "$rows" -ge $(($2 / 4)) ] && [ "$rows" -lt "$2" ]
}

# tables_whole TABLE...: the server finds nothing wrong with any of them.
tables_whole() {
  local all found
  printf -v all ', %s' "$@"
  found=$(sql -e "CHECK TABLE ${all#, } EXTENDED")
  printf '%s\n' "$found"
  [ "$(wc -l <<<"$found") $(grep -c 'OK$' <<<"$found")" = "$# $#" ]
}
