#!/bin/bash
# What happens to somebody who goes back from MariaDB 11.8 without a procedure. Runs in a throw-away guest that was upgraded and written to,
# with the snapshot tank/mysql@before-11.8. Prints two stories and what was counted; the guest is good for nothing afterwards.
set -euo pipefail
dataset=${DATASET:-tank/mysql} snapshot=${SNAPSHOT:-before-11.8}
sql() { mariadb --skip-ssl --default-character-set=utf8mb4 --batch --skip-column-names "$@"; }
export DEBIAN_FRONTEND=noninteractive
old=$(apt-cache madison mariadb-server | awk '$3 ~ /10\.11/ { print $3; exit }')
packages=()
for package in mariadb-server mariadb-server-core mariadb-client mariadb-client-core mariadb-common libmariadb3; do packages+=("$package=$old"); done

customers=$(sql -e 'SELECT COUNT(*) FROM shop.customers')
orders=$(sql -e 'SELECT COUNT(*) FROM shop.orders')
returns=$(sql -e 'SELECT COUNT(*) FROM shop.returns')
echo "On 11.8 there are $customers customers, $orders orders, and a new table with $returns returns."
zfs snapshot "$dataset@kept-for-the-second-story"

echo
echo "1. Install 10.11 again, over the data that 11.8 wrote:"
echo "   apt-get install --allow-downgrades mariadb-server=$old ..."
status=0
apt-get install -y --allow-downgrades -o Dpkg::Options::=--force-confold "${packages[@]}" >/root/reinstall.log 2>&1 || status=$?
grep -E -i -m 12 'automatically|flag indicates|cannot|refus|error|warning|moved|has been renamed' /root/reinstall.log | sed 's/^/   | /' || true
echo "   apt-get ended with $status."
if sql -e 'SELECT 1' >/dev/null 2>&1; then
  echo "   The server that answers now is $(sql -e 'SELECT VERSION()')."
else
  echo "   No server answers now."
fi

echo
echo "2. Only roll the dataset back (zfs rollback), then install 10.11:"
systemctl stop mariadb.service || true
systemctl mask --runtime --quiet mariadb.service
if pgrep -x mariadbd; then exit 1; fi
zfs unmount "$dataset" 2>/dev/null || true
zfs rollback -r "$dataset@$snapshot"
mountpoint -q /var/lib/mysql || zfs mount "$dataset"
apt-get install -y --allow-downgrades -o Dpkg::Options::=--force-confold "${packages[@]}" >/root/reinstall-2.log 2>&1
systemctl unmask --runtime --quiet mariadb.service
systemctl start mariadb.service
echo "   10.11 runs: $(sql -e 'SELECT VERSION()')"
echo "   customers: $customers before, $(sql -e 'SELECT COUNT(*) FROM shop.customers') now"
echo "   orders:    $orders before, $(sql -e 'SELECT COUNT(*) FROM shop.orders') now"
echo "   returns:   $returns before, now: $(sql -e 'SELECT COUNT(*) FROM shop.returns' 2>&1 | grep -E '^ERROR|^[0-9]' || true)"
lost=$((customers - $(sql -e "SELECT COUNT(*) FROM shop.customers")))
echo "   $lost customers that were told 'welcome' are gone."
[ "$lost" -gt 0 ] && [ "$status" != 0 ]
