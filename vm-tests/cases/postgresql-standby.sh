#!/bin/bash
# DESCRIPTION: a standby of PostgreSQL 15 beside 17 takes over while a client writes: what was defined on 17 is there, nothing that the client was told is missing or there twice; its feed, its server and 17 are killed before; then 17 stands by beside 15, and the undo is a switch that takes along what was written; commit
# STRATEGY: a client writes numbers into a table without a key and keeps those that were acknowledged, with the time; standby start, stop, start; kill -9 of feed, of the standby's server, and of 17; a new table is named; the switch; every number is there once; sequences and large objects are those of 17; the same upwards; commit
# stage: postgresql-upgraded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/packages.sh
. /case/guest/postgresql.sh
. /case/guest/backout.sh
. /case/guest/standby.sh

# nothing_is_fed: 17 (or 15) has nothing of a feed.
nothing_is_fed() {
  nothing_of_a_standby
  [ -z "$(pg -d shop -c 'SELECT slot_name FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication UNION ALL SELECT subname FROM pg_subscription')" ]
  [ "$(pg -d shop -c "SELECT relreplident FROM pg_class WHERE relname = 'written'")" = d ]
}

trap 'units_said postgresql >&2' ERR

postgresql_numbers_made
postgresql_client &
client=$!
echo "== standby, while a client writes"
backout standby start --yes
expect 0 backout status
[ "$(pg -d shop -c "SELECT relreplident FROM pg_class WHERE relname = 'written'")" = f ]
backout standby stop --yes
nothing_is_fed
backout standby start --yes
echo "== feed, server and 17 are killed"
for unit in backout-feed-postgresql.service backout-standby-postgresql.service; do
  kill -9 "$(main_pid "$unit")"
  sleep 3
done
kill -9 "$(main_pid postgresql@17-main.service)"
sleep 3
systemctl start postgresql@17-main.service
backout standby start --yes
echo "== a definition that is not fed is named"
pg -d shop -c 'CREATE TABLE late (a int)'
expect_one_of 0 4 backout status | tee /root/said
grep -F 'table shop public.late' /root/said
pg -d shop -c 'DROP TABLE late'
echo "== what no feed brings"
# A crash empties an unlogged table.
pg -d shop -c "SELECT setval('orders_id_seq', 100000)" -c "SELECT lo_from_bytea(4712, '\xff00')" -c "INSERT INTO cache VALUES ('k', '\x01')" -c "UPDATE log SET what = 'changed'"
echo "== the switch"
since=$EPOCHREALTIME
backout downgrade --deadline 5m --yes
pg -c 'SHOW server_version' | grep '^15'
sleep 1
client_ended "$client" "$since"
backout report
written postgresql
nothing_is_fed
[ "$(pg -d shop -c 'SELECT last_value FROM orders_id_seq')" = 100000 ]
[ "$(pg -d shop -c 'SELECT lo_get(4712), (SELECT v FROM cache)')" = '\xff00|\x01' ]
[ -z "$(pg -d shop -c "SELECT what FROM log WHERE what <> 'changed'")" ]
systemctl is-active postgresql@15-main.service
systemctl restart postgresql@15-main.service
written postgresql
echo "== everything was compared while the client wrote"
backout status | tee /root/said
grep -E 'rows \([0-9]+, all\)' /root/said
echo "== and again, on clones, while 15 serves"
backout prove
echo "== 17 stands by, while a client writes to 15"
rm /root/enough
since=$EPOCHREALTIME
postgresql_client 1000000 &
client=$!
backout standby start --yes
expect 0 backout status
for unit in backout-feed-postgresql.service backout-standby-postgresql.service; do
  kill -9 "$(main_pid "$unit")"
  sleep 2
done
backout standby start --yes
pg -d shop -c "SELECT setval('orders_id_seq', 200000)" -c "SELECT lo_from_bytea(4713, '\x00ff')" -c "INSERT INTO cache VALUES ('l', '\x02')"
echo "== the undo is a switch"
backout undo --deadline 5m --yes
pg -c 'SHOW server_version' | grep '^17'
sleep 1
client_ended "$client" "$since"
backout report
written postgresql
nothing_is_fed
[ "$(pg -d shop -c 'SELECT last_value FROM orders_id_seq')" = 200000 ]
[ "$(pg -d shop -c "SELECT lo_get(4712), lo_get(4713), (SELECT string_agg(k, '' ORDER BY k) FROM cache)")" = '\xff00|\x00ff|kl' ]
systemctl is-active postgresql@17-main.service
systemctl restart postgresql@17-main.service
written postgresql
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/postgresql')" ]
