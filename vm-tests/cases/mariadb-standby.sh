#!/bin/bash
# DESCRIPTION: a standby of MariaDB 10.11 beside 11.8 takes over while a client writes, and nothing that the client was told is missing or there twice; its feed, its server and the tool within the deadline are killed before; the packages are brought back while 10.11 serves; then 11.8 stands by beside 10.11, and the undo is a switch that takes along what was written; a second switch, undo, commit
# STRATEGY: a client writes numbered rows all the time and keeps those that were acknowledged, with the time; kill -9 of feed, of the standby's server, of the tool while writes are refused; the switch; the packages; every number is there once; nothing is left of the standby; the same upwards, and down once more
# stage: backout-upgraded
# uses: backout
# when: all
# limit: 1800
set -Eeuo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/standby.sh
keep_logs() { for f in journal log; do cp "/var/lib/backout/changes/$(change_id)/$f" "/result/change-$f" || true; done; }
trap 'keep_logs; touch /root/enough; backout status || true; units_said mariadb; zfs list -t all -r tank; grep -F /run/backout /proc/mounts || true' ERR

# taken_over VERSION SINCE: this one serves, with each row that was acknowledged, and again after a restart; nothing is left of a standby.
taken_over() {
  mariadb_version | grep -F "$1"
  sleep 2
  client_ended "$client" "$2"
  backout report
  keep_logs
  written mariadb
  nothing_of_a_standby
  [ "$(zfs get -H -o value sync tank/mysql)" = standard ]
  systemctl restart mariadb.service
  written mariadb
}

echo "== standby"
backout standby start --yes
expect 0 backout status | tee /root/said
grep -F 'caught up' /root/said
[ "$(zfs get -H -o value sync tank/mysql.standby)" = disabled ]
echo "== it ends, and nothing of it is left"
backout standby stop --yes
nothing_of_a_standby
mariadb_client &
client=$!
backout standby start --yes
echo "== the feed and the standby are killed, and go on"
for unit in backout-feed-mariadb.service backout-standby-mariadb.service; do
  kill -9 "$(main_pid "$unit")"
  sleep 3
done
backout standby start --yes
echo "== the tool is killed while writes are refused, and the switch is taken back"
crash_at drain:done downgrade --deadline 5m
expect 4 backout status
expect 1 backout resume 2>&1 | tee /root/said
grep -F 'given up' /root/said
mariadb_version | grep -F 11.8
sleep 2
echo "== the switch"
since=$EPOCHREALTIME
backout downgrade --yes --deadline 5m
taken_over 10.11 "$since"
backout prove
echo "== 11.8 stands by, while a client writes to 10.11"
rm /root/enough
since=$EPOCHREALTIME
mariadb_client 1000000 &
client=$!
backout standby start --yes
expect 0 backout status
for unit in backout-feed-mariadb.service backout-standby-mariadb.service; do
  kill -9 "$(main_pid "$unit")"
  sleep 3
done
backout standby start --yes
echo "== the undo is a switch"
backout undo --yes --deadline 5m
taken_over 11.8 "$since"
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/mysql\ntank/mysql.reserve\ntank/mysql.undone')" ]
echo "== the way back is open as before"
expect 0 backout check
backout standby start --yes
sql shop -e 'INSERT INTO written VALUES (9000000)'
backout downgrade --yes --deadline 5m
mariadb_version | grep -F 10.11
written mariadb
mariadb_numbers | grep -Fx 9000000
echo "== undo of that, and commit"
backout undo --yes
mariadb_version | grep -F 11.8
mariadb_upgraded
written mariadb
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/mysql')" ]
