# shellcheck shell=bash
# PostgreSQL: a Debian cluster, 15 with its data on a dataset of its own, and 17 in the repository of the next release.
# Needs: pool.sh, packages.sh.
. /case/guest/product.sh

postgresql_version() { /case/bin/backout helper postgresql-package /var/lib/postgresql main; }

pg() { runuser -u postgres -- psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 "$@"; }

# postgresql_repositories: /case/packages has 15 with what it needs, and below trixie/ what an upgrade to 17 fetches. The image has neither.
postgresql_repositories() {
  local side dir codename
  cp /case/packages/*.deb /srv/repo/old/
  cp /case/packages/trixie/*.deb /srv/repo/new/
  for side in old:bookworm new:trixie; do
    dir=/srv/repo/${side%%:*} codename=${side#*:}
    (cd "$dir" && apt-ftparchive packages . >Packages 2>/dev/null &&
      apt-ftparchive -o "APT::FTPArchive::Release::Codename=$codename" -o "APT::FTPArchive::Release::Suite=$codename" release . >/tmp/Release &&
      mv /tmp/Release Release)
  done
  apt-get update -qq
}

# postgresql_on_zfs [DATASET]: installs 15, moves /var/lib/postgresql onto a dataset, and starts the cluster.
postgresql_on_zfs() {
  local dataset=${1:-tank/postgresql}
  packages_install
  postgresql_repositories
  mv /var/lib/postgresql /var/lib/postgresql.image
  dataset_create "$dataset" /var/lib/postgresql -o atime=off -o recordsize=16k
  chown postgres:postgres /var/lib/postgresql
  cp -a /var/lib/postgresql.image/. /var/lib/postgresql/
  rm -rf /var/lib/postgresql.image
  apt-mark manual postgresql-15 >/dev/null
  # A file that pg_upgradecluster does not take along.
  printf "work_mem = '5MB'\nshared_buffers = '32MB'\nwal_level = logical\n" >/etc/postgresql/15/main/conf.d/90-site.conf
  systemctl daemon-reload
  systemctl start postgresql@15-main.service
  pg -c 'SHOW work_mem' | grep -Fx 5MB
}

postgresql_seed() {
  pg <<'SQL'
CREATE ROLE shop LOGIN PASSWORD 'secret';
CREATE ROLE readers;
GRANT readers TO shop WITH ADMIN OPTION;
ALTER ROLE shop SET work_mem = '7MB';
CREATE DATABASE shop OWNER shop;
ALTER DATABASE shop SET statement_timeout = '1min';
\connect shop
CREATE EXTENSION hstore;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text NOT NULL, state mood DEFAULT 'ok', total numeric(10,2), made timestamptz DEFAULT now(), extra jsonb, tags hstore);
CREATE TABLE lines (order_id bigint REFERENCES orders ON DELETE CASCADE, n int, what text, PRIMARY KEY (order_id, n));
CREATE TABLE log (at timestamptz DEFAULT now(), what text);
CREATE TABLE parts (id int, region text) PARTITION BY LIST (region);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts DEFAULT;
CREATE UNLOGGED TABLE cache (k text PRIMARY KEY, v bytea);
CREATE INDEX ON orders (lower(customer));
CREATE VIEW totals AS SELECT customer, sum(total) FROM orders GROUP BY customer;
CREATE MATERIALIZED VIEW many AS SELECT count(*) FROM orders;
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (what) VALUES (TG_OP); RETURN NULL; END $$;
CREATE TRIGGER noted AFTER INSERT OR DELETE ON orders FOR EACH STATEMENT EXECUTE FUNCTION noted();
GRANT SELECT ON ALL TABLES IN SCHEMA public TO readers;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO readers;
INSERT INTO orders (customer, total, extra, tags) SELECT 'Käufer ' || g % 97, g * 1.01, jsonb_build_object('n', g), hstore('a', g::text) FROM generate_series(1, 4000) g;
INSERT INTO lines SELECT id, n, 'thing ' || n FROM orders, generate_series(1, 2) n;
INSERT INTO parts SELECT g, CASE g % 2 WHEN 0 THEN 'a' ELSE 'c' END FROM generate_series(1, 100) g;
INSERT INTO cache SELECT g::text, decode(md5(g::text), 'hex') FROM generate_series(1, 100) g;
SELECT lo_from_bytea(4711, decode(repeat('ab', 5000), 'hex'));
REFRESH MATERIALIZED VIEW many;
COMMENT ON DATABASE shop IS 'the shop''s';
SQL
}

# What clients do on 17: rows, definitions, roles, databases, sequences, large objects.
postgresql_write_on_new() {
  pg <<'SQL'
CREATE ROLE late LOGIN PASSWORD 'other' NOINHERIT;
GRANT readers TO late;
ALTER ROLE shop PASSWORD 'changed';
CREATE DATABASE "later: it's" TEMPLATE template0 ENCODING 'UTF8';
COMMENT ON ROLE late IS 'came later';
\connect shop
UPDATE orders SET total = total + 1 WHERE id % 3 = 0;
DELETE FROM orders WHERE id % 50 = 0;
INSERT INTO orders (customer, total) SELECT 'new ' || g, g FROM generate_series(1, 500) g;
ALTER TABLE orders ADD COLUMN note text DEFAULT 'none';
CREATE TABLE made_on_17 (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO made_on_17 (a) SELECT generate_series(1, 200);
GRANT SELECT (a) ON made_on_17 TO late;
TRUNCATE cache;
INSERT INTO cache VALUES ('k', '\x00ff');
DROP VIEW totals;
SELECT lo_unlink(4711), lo_from_bytea(0, '\x0102');
CREATE FUNCTION watched() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'ddl'; END $$;
CREATE EVENT TRIGGER watched ON ddl_command_end EXECUTE FUNCTION watched();
REFRESH MATERIALIZED VIEW many;
SQL
}

# postgresql_dump: everything, by pg_dumpall of 17 for both versions; 15 has fewer words for memberships. Before the upgrade there is only that of 15.
postgresql_dump() {
  local tool
  tool=$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_dumpall | sort -V | tail -n 1)
  runuser -u postgres -- "$tool" --restrict-key=x | sed -e '/^-- Dumped /d' -e '/^SET transaction_timeout/d' \
    -e '/^GRANT /s/ WITH INHERIT \(TRUE\|FALSE\)//' -e '/^GRANT /s/, INHERIT \(TRUE\|FALSE\)//' -e '/^GRANT /s/ GRANTED BY .*;$/;/'
}

# same_postgresql FILE: the server holds what FILE says.
same_postgresql() { same_as "$1" postgresql_dump; }

postgresql_site() { site_written postgresql tank/postgresql 17 "$@"; }
