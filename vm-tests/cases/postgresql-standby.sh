#!/bin/bash
# DESCRIPTION: a standby of PostgreSQL 15 beside 17 takes over while a client writes: what was defined on 17 is there, nothing that the client was told is missing or there twice; its feed, its server and 17 are killed before; undo finds nothing of it, commit
# STRATEGY: a client writes numbers into a table without a key and keeps those that were acknowledged, with the time; standby start, stop, start; kill -9 of feed, of the standby's server, and of 17; a new table is named; the switch; every number is there once; sequences and large objects are those of 17; undo, commit
# stage: postgresql-upgraded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/packages.sh
. /case/guest/postgresql.sh
. /case/guest/backout.sh

# client: numbers into a table, over one connection for as long as there is one. What was acknowledged stands in /root/acknowledged, with the time. A
# number is not tried again, so that none can be there twice by right.
client() {
  local n=0 reply
  trap '' PIPE
  while [ ! -e /root/enough ]; do
    coproc SESSION { PGPASSWORD=changed psql --host=127.0.0.1 --username=shop --dbname=shop --no-psqlrc --quiet --no-align --tuples-only 2>&1; }
    while [ ! -e /root/enough ]; do
      n=$((n + 1))
      echo "INSERT INTO written VALUES ($n) RETURNING n;" >&"${SESSION[1]}" || break
      IFS= read -r -t 60 -u "${SESSION[0]}" reply || break
      [ "$reply" = "$n" ] || break
      echo "$n $EPOCHREALTIME" >>/root/acknowledged
    done
    kill "$SESSION_PID" || true
    wait "$SESSION_PID" || true
    sleep 0.02
  done 2>/dev/null
}

# written [FILE]: every number acknowledged is there (or those in this file), and none is there twice.
written() {
  pg -d shop -c 'SELECT n FROM written' | sort >/root/found
  [ -z "$(uniq -d /root/found)" ]
  cut -d' ' -f1 "${1:-/root/acknowledged}" | sort >/root/told
  comm -23 /root/told /root/found | tee /root/missing
  [ ! -s /root/missing ]
}

# gap: the longest time without an acknowledged number.
gap() { awk 'NR > 1 && $2 - last > most { most = $2 - last } { last = $2 } END { printf "%.2f s\n", most }' /root/acknowledged; }

nothing_of_a_standby() {
  [ -z "$(zfs list -H -o name -r tank | grep -F .standby || true)" ]
  if grep -F /run/backout-standby /proc/mounts; then return 1; fi
  [ -z "$(systemctl list-units --plain --no-legend 'backout-standby-*' 'backout-feed-*' 'backout-serve-*' || true)" ]
  [ -z "$(pg -d shop -c 'SELECT slot_name FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication UNION ALL SELECT subname FROM pg_subscription')" ]
  [ "$(pg -d shop -c "SELECT relreplident FROM pg_class WHERE relname = 'written'")" = d ]
}

main_pid() { systemctl show --property=MainPID --value "$1"; }
explain() { journalctl --no-pager --output=cat --lines=40 --unit='backout-*' >&2; }
trap explain ERR

pg -d shop -c 'CREATE TABLE written (n bigint)' -c 'ALTER TABLE written OWNER TO shop'
client &
client=$!
echo "== standby, while a client writes"
backout standby start --yes
expect 0 backout status
[ "$(pg -d shop -c "SELECT relreplident FROM pg_class WHERE relname = 'written'")" = f ]
backout standby stop --yes
nothing_of_a_standby
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
cp /root/acknowledged /root/before
backout downgrade --deadline 5m --yes
pg -c 'SHOW server_version' | grep '^15'
sleep 1
touch /root/enough
wait "$client"
echo "the longest gap of $(wc -l </root/acknowledged) acknowledged writes: $(gap)"
backout report
written
nothing_of_a_standby
[ "$(pg -d shop -c 'SELECT last_value FROM orders_id_seq')" = 100000 ]
[ "$(pg -d shop -c 'SELECT lo_get(4712), (SELECT v FROM cache)')" = '\xff00|\x01' ]
[ -z "$(pg -d shop -c "SELECT what FROM log WHERE what <> 'changed'")" ]
systemctl is-active postgresql@15-main.service
systemctl restart postgresql@15-main.service
written
echo "== undo"
backout undo --yes
pg -c 'SHOW server_version' | grep '^17'
# What was written to 15 since is not there: undo says so.
written /root/before
nothing_of_a_standby
pg -d shop -c 'INSERT INTO written VALUES (-1)'
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/postgresql')" ]
