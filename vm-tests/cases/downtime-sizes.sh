#!/bin/bash
# DESCRIPTION: how long clients are shut out at 100 MB and at 1 GB of data: backout's downgrade with the delta proof and with the full one, and the same steps by hand, in one guest
# STRATEGY: for each size: upgrade, write 10 MB, downgrade, undo, downgrade with everything compared, undo, downgrade with the plain script; each ends with the same content; the times are printed, and decide nothing
# stage: seeded
# uses: backout
# when: all
# limit: 2700
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/downtime.sh

# rows TABLE FROM TO: so many rows of 1 KB that do not compress well.
rows() {
  printf "INSERT INTO shop.%s SELECT seq, CONCAT(%s) FROM seq_%d_to_%d;" "$1" \
    "$(for salt in a b c d e f g h; do printf "SHA2(CONCAT(seq, '%s'), 512)," "$salt"; done | sed 's/,$//')" "$2" "$3"
}

# content: what there is, in few lines. A dump of a gigabyte takes longer than all that is measured.
content() {
  sql -e 'SELECT COUNT(*), SUM(n), SUM(CRC32(pad)) FROM shop.bulk; SELECT COUNT(*), SUM(n), SUM(CRC32(pad)) FROM shop.delta;
    SELECT COUNT(*), SUM(id), SUM(CRC32(email)) FROM shop.customers'
}

# measured NAME: the newest downgrade had the same content, and took so long.
measured() {
  content | diff /root/content -
  mariadb_version | grep -F 10.11
  printf '%5d MB: backout, %s: clients were shut out for %d s\n' "$megabytes" "$1" "$(shut_out)" | tee -a /result/downtime
  backout log >"/result/log-$megabytes-${1// /-}"
}

: >/result/downtime
have=0
for megabytes in 100 1000; do
  truncate -s 6G /srv/pools/7-tank.img
  losetup -c /dev/loop7
  zpool online -e tank /dev/loop7
  sql -e 'CREATE TABLE IF NOT EXISTS shop.bulk (n INT PRIMARY KEY, pad TEXT NOT NULL) ENGINE=InnoDB'
  # In batches, and apart from the binary log: it is old data, and its log would take as much room again.
  while [ "$have" -lt $((megabytes * 1000)) ]; do
    sql shop -e "SET sql_log_bin = 0; $(rows bulk $((have + 1)) $((have + 20000)))"
    have=$((have + 20000))
  done
  site_file
  sql -e 'SELECT @@gtid_binlog_pos' >/root/gtid-before
  backout upgrade --yes
  mariadb_upgraded
  sql shop -e "CREATE TABLE shop.delta (n INT PRIMARY KEY, pad TEXT NOT NULL) ENGINE=InnoDB; $(rows delta 1 10000)"
  sql -e 'UPDATE shop.bulk SET pad = REVERSE(pad) WHERE n % 500 = 0; DELETE FROM shop.bulk WHERE n % 997 = 0'
  content >/root/content
  backout downgrade --keep --yes
  measured 'delta proof'
  backout undo --yes
  mariadb_upgraded
  backout downgrade --keep --yes --proof full
  measured 'full proof'
  backout undo --yes
  mariadb_upgraded
  downgrade_by_hand
  content | diff /root/content -
  sed -n "s/^clients/$(printf '%5d' "$megabytes") MB: by hand, no proof: clients/p" /root/by-hand | tee -a /result/downtime
  # The next size begins with 10.11 and without a change.
  rm -rf "$SAVED" /var/lib/backout/changes
  zfs list -H -t snapshot -o name -r tank | grep '^tank/mysql' | while read -r snapshot; do
    zfs holds -H "$snapshot" | cut -f2 | while read -r tag; do zfs release "$tag" "$snapshot"; done
  done
  # What the undos left aside are clones of these snapshots.
  zfs list -H -o name -d 1 tank | grep '^tank/mysql\.' | while read -r aside; do zfs destroy -r "$aside"; done
  zfs list -H -t snapshot -o name -d 1 tank/mysql | while read -r snapshot; do zfs destroy "$snapshot"; done
  sql -e 'DROP TABLE shop.delta'
done
cat /result/downtime
