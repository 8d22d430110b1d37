#!/bin/bash
# The way back from MariaDB 11.8 to 10.11, as a person does it by hand: what backout automates, one command after the other.
# Runs in the guest as root, with the service on its own dataset (guest/mariadb.sh). Prints how long clients were shut out.
#
#   mariadb-downgrade.sh before      steps 1-4, before the upgrade
#   (upgrade, and write)
#   mariadb-downgrade.sh after       steps 5-12, the way back
set -euo pipefail
dataset=${DATASET:-tank/mysql} snapshot=${SNAPSHOT:-before-11.8} saved=${SAVED:-/var/backups/mariadb-downgrade}
siblings=(mariadb-server mariadb-server-core mariadb-client mariadb-client-core mariadb-common libmariadb3)
began=$(cut -d' ' -f1 /proc/uptime)
step() { printf '%7.1f s  %s\n' "$(awk -v b="$began" '{print $1 - b}' /proc/uptime)" "$*"; }
# --skip-ssl: the 11.8 client asks for a certificate that a 10.11 server has not got.
sql() { mariadb --skip-ssl --default-character-set=utf8mb4 --batch --skip-column-names "$@"; }
export DEBIAN_FRONTEND=noninteractive

case ${1:-} in
  before)
    mkdir -p "$saved/deb" "$saved/binlog"
    step "1  note the version, and where the binary log ends"
    for package in "${siblings[@]}"; do dpkg-query -W -f '${Package}=${Version}\n' "$package"; done >"$saved/versions"
    sql -e 'SELECT @@gtid_binlog_pos' >"$saved/gtid-before"
    step "2  keep the installed packages' files and the configuration"
    (cd "$saved/deb" && xargs -a "$saved/versions" apt-get download -qq -o APT::Sandbox::User=root)
    tar -C / -cf "$saved/etc-mysql.tar" etc/mysql
    step "3  stop"
    systemctl stop mariadb.service
    step "4  snapshot, and hold it"
    zfs snapshot "$dataset@$snapshot"
    zfs hold by-hand "$dataset@$snapshot"
    step "ready for the upgrade"
    ;;
  after)
    gtid=$(cat "$saved/gtid-before")
    step "5  note where the binary log ends now, and stop: clients are shut out from here"
    sql -e 'FLUSH BINARY LOGS'
    gtid_after=$(sql -e 'SELECT @@gtid_binlog_pos')
    stopped=$(cut -d' ' -f1 /proc/uptime)
    systemctl stop mariadb.service
    ! pgrep -x mariadbd || { echo "mariadbd still runs" >&2; exit 1; }
    step "6  copy the logs that the snapshot has not got, and check them"
    # The index names them. A pattern of file names would take in the .idx files that 11.8 puts beside its logs, and
    # mariadb-binlog stops at the first of those. The position says where the news begin, not the file: an old log may have grown.
    mapfile -t logs < <(sed 's#.*/##' /var/lib/mysql/mysql-bin.index)
    (cd /var/lib/mysql && cp "${logs[@]}" "$saved/binlog/")
    cd "$saved/binlog"
    mariadb-binlog --no-defaults --verify-binlog-checksum "${logs[@]}" >/dev/null
    step "7  mask the unit: package scripts must not start anything"
    systemctl mask --runtime --quiet mariadb.service
    step "8  roll the dataset back"
    zfs set canmount=noauto "$dataset"
    zfs unmount "$dataset"
    zfs rollback "$dataset@$snapshot"
    zfs set canmount=on "$dataset"
    zfs mount "$dataset"
    step "9  install the old version from the files that were kept"
    apt-get install -y -qq --allow-downgrades -o Dpkg::Options::=--force-confold "$saved"/deb/*.deb >"$saved/apt-downgrade.log" 2>&1
    tar -C / -xf "$saved/etc-mysql.tar"
    step "10 start it where no client reaches it"
    systemctl unmask --runtime --quiet mariadb.service
    mkdir -p /run/systemd/system/mariadb.service.d
    printf '[Service]\nEnvironment="MYSQLD_OPTS=--skip-networking --socket=/run/mysqld/by-hand.sock"\n' >/run/systemd/system/mariadb.service.d/by-hand.conf
    systemctl daemon-reload
    systemctl start mariadb.service
    step "11 replay what was written since the snapshot, and compare the positions"
    mariadb-binlog --no-defaults --start-position="$gtid" "${logs[@]}" | sql --socket=/run/mysqld/by-hand.sock --binary-mode
    gtid_now=$(sql --socket=/run/mysqld/by-hand.sock -e 'SELECT @@gtid_binlog_pos')
    [ "$gtid_now" = "$gtid_after" ] || { echo "the log ends at $gtid_now, and should at $gtid_after" >&2; exit 1; }
    step "12 restart, open to clients"
    rm /run/systemd/system/mariadb.service.d/by-hand.conf
    systemctl daemon-reload
    systemctl restart mariadb.service
    sql -e 'SELECT 1' >/dev/null
    step "done"
    awk -v s="$stopped" '{printf "clients were shut out for %.1f s\n", $1 - s}' /proc/uptime
    ;;
  *)
    echo "usage: $0 before|after" >&2
    exit 2
    ;;
esac
