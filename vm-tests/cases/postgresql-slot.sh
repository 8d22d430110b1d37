#!/bin/bash
# DESCRIPTION: PostgreSQL's upgrade makes replication slots (standby_begin = "slot"), so a standby goes on from its clone without a copy, and takes over while a client writes; undo; then a downgrade without a standby; no slot is left on the way
# STRATEGY: upgrade; what clients write before there is a standby is there, too; the clone stays small beside its origin; standby, switch, every acknowledged number once, everything compared; undo; the slots are gone before and after a plain downgrade
# stage: postgresql-seeded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/packages.sh
. /case/guest/postgresql.sh
. /case/guest/backout.sh
. /case/guest/standby.sh

slots() { pg -c "SELECT slot_name FROM pg_replication_slots WHERE wal_status <> 'lost'"; }

trap 'units_said postgresql >&2' ERR

cat >>/etc/postgresql/15/main/conf.d/90-site.conf <<'CONF'
max_slot_wal_keep_size = '1GB'
CONF
systemctl restart postgresql@15-main.service
postgresql_numbers_made
pg -d shop -c "ALTER ROLE shop PASSWORD 'changed'" -c 'DROP VIEW totals' -c 'CREATE TABLE bulk (n int PRIMARY KEY, pad text)' \
  -c "INSERT INTO bulk SELECT n, (SELECT string_agg(md5((n * 32 + m)::text), '') FROM generate_series(1, 32) m) FROM generate_series(1, 40000) n"
# Who reads a row for the first time after it was committed writes to its page.
pg -d shop -c 'VACUUM (FREEZE) bulk' -c CHECKPOINT
# Its last table is that of the values.
postgresql_site
printf 'standby_begin = "slot"\n' >>/etc/backout/site.toml
backout upgrade --yes
[ -n "$(slots)" ]
echo "== clients write; there is no standby yet"
postgresql_client &
client=$!
pg -d shop -c "UPDATE orders SET total = total + 1 WHERE id % 3 = 0" -c "DELETE FROM orders WHERE id % 50 = 0" -c "SELECT setval('orders_id_seq', 100000)"
sleep 5
echo "== a standby goes on from the slots"
backout standby start --yes | tee /root/said
zfs list -o name,used,referenced -r tank
# A copy would take as much as what it is a copy of.
[ "$(zfs list -Hp -o used tank/postgresql.standby)" -lt "$(($(zfs list -Hp -o referenced tank/postgresql.standby) / 2))" ]
expect 0 backout status
since=$EPOCHREALTIME
backout downgrade --proof delta --deadline 5m --yes
pg -c 'SHOW server_version' | grep '^15'
sleep 1
client_ended "$client" "$since"
backout report
written postgresql
[ "$(pg -d shop -c 'SELECT last_value FROM orders_id_seq')" = 100000 ]
[ -z "$(pg -d shop -c 'SELECT slot_name::text FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication UNION ALL SELECT subname FROM pg_subscription')" ]
while systemctl is-active --quiet 'backout-prove-*'; do sleep 1; done
fully_proved
echo "== 17 again, and down without a standby: no slot is left on the way"
backout undo --yes
pg -c 'SHOW server_version' | grep '^17'
[ -z "$(slots)" ]
postgresql_dump >/root/dump-17
backout downgrade --keep --without-standby --yes
pg -c 'SHOW server_version' | grep '^15'
[ -z "$(pg -d shop -c 'SELECT slot_name::text FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication')" ]
same_postgresql /root/dump-17
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/postgresql')" ]
