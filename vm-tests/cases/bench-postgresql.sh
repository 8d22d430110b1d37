#!/bin/bash
# DESCRIPTION: a benchmark of PostgreSQL: how long clients are shut out by a downgrade, and by a dump and its load by hand, in one guest
# STRATEGY: for each size and delta: upgrade, write, go back, undo, compare the content; the plain steps are the last; times are noted, and decide nothing
# stage: postgresql-seeded
# packages: postgresql-15 postgresql-17/trixie
# uses: backout
# when: all
# disk: 16G
# limit: 6000
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/postgresql.sh
. /case/guest/backout.sh
. /case/guest/bench.sh

# texts FROM TO: rows of 1 KB that do not compress well.
texts() { printf "SELECT g, (SELECT string_agg(sha512((g::text || s)::bytea)::text, '') FROM generate_series(1, 8) s) FROM generate_series(%d, %d) g" "$1" "$2"; }

have=0
grow() {
  pg -d shop -c 'DROP TABLE IF EXISTS delta' -c 'CREATE TABLE IF NOT EXISTS bulk (n int PRIMARY KEY, pad text NOT NULL)'
  if [ "$have" -lt $(($1 * 1000)) ]; then
    pg -d shop -c 'SET statement_timeout = 0' -c "INSERT INTO bulk $(texts $((have + 1)) $(($1 * 1000)))"
    have=$(($1 * 1000))
  fi
}
site() { postgresql_site 'full_proof = "later"'; }
upgraded() { until pg -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.2; done; }
delta() {
  pg -d shop -c 'SET statement_timeout = 0' -c 'CREATE TABLE delta (n int PRIMARY KEY, pad text NOT NULL)' -c "INSERT INTO delta $(texts 1 $(($1 * 1000)))" \
    -c 'UPDATE bulk SET pad = reverse(pad) WHERE n % 500 = 0' -c 'DELETE FROM bulk WHERE n % 997 = 0'
}
content() {
  pg -d shop -c 'SET statement_timeout = 0' -c 'SELECT count(*), sum(n), sum(hashtext(pad)::bigint) FROM bulk' -c 'SELECT count(*), sum(n), sum(hashtext(pad)::bigint) FROM delta' \
    -c 'SELECT count(*), sum(total) FROM orders'
}

# The dump of everything is the way by hand, too.
by_hand() {
  local began
  began=$(now)
  runuser -u postgres -- /usr/lib/postgresql/17/bin/pg_dumpall --port 5432 >/srv/dump.sql
  systemctl stop postgresql@17-main.service
  pg_createcluster --port 5432 15 main >/dev/null
  systemctl start postgresql@15-main.service
  until pg_isready --quiet; do sleep 0.2; done
  sed -e '/^SET transaction_timeout/d' -e '/^CREATE ROLE postgres;/d' -e '/^GRANT /s/ WITH INHERIT \(TRUE\|FALSE\)//' \
    -e '/^GRANT /s/, INHERIT \(TRUE\|FALSE\)//' -e '/^GRANT /s/ GRANTED BY .*;$/;/' /srv/dump.sql >/srv/dump-15.sql
  pg --file=/srv/dump-15.sql >/root/loaded 2>&1 || { tail /root/loaded; return 1; }
  took=$(since "$began")
  rm /srv/dump.sql /srv/dump-15.sql
  # The next size is upgraded to it.
  pg_dropcluster --stop 17 main
}

bench PostgreSQL tank/postgresql 3000 'full switch' 100:1 100:100 1000:1 1000:100
