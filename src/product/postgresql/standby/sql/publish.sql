-- In one database of the upgraded server, before its tables are published: an empty publication, which
-- remembers what will be changed for it. A table whose rows cannot be told from each other gets
-- REPLICA IDENTITY FULL, if each of its columns can be compared; otherwise a published table would
-- refuse its clients' UPDATE and DELETE. For psql. May be run again.
SET search_path = pg_catalog;
SET client_min_messages = error;
SELECT 'CREATE PUBLICATION backout_standby'
  WHERE NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'backout_standby')
\gexec
CREATE TEMP VIEW backout_plan AS
WITH RECURSIVE inner_type (attrelid, type) AS (
  SELECT attrelid, atttypid FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
  UNION
  SELECT attrelid, CASE typtype WHEN 'd' THEN typbasetype ELSE typelem END
  FROM inner_type JOIN pg_type t ON t.oid = type WHERE typtype = 'd' OR (typcategory = 'A' AND typelem <> 0)
), incomparable AS (
  SELECT attrelid FROM inner_type JOIN pg_type t ON t.oid = type
  WHERE typtype = 'c' OR (typtype = 'b' AND typcategory NOT IN ('A', 'S')
    AND NOT EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = opcmethod WHERE opcintype = t.oid AND opcdefault AND amname IN ('btree', 'hash')))
)
SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, relreplident,
  pg_get_replica_identity_index(c.oid) IS NOT NULL AS by_key,
  NOT EXISTS (SELECT FROM incomparable WHERE attrelid = c.oid) AS comparable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind = 'r' AND relpersistence = 'p'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)';
SELECT format('COMMENT ON PUBLICATION backout_standby IS %L', string_agg(format('ALTER TABLE %s REPLICA IDENTITY %s', name,
    CASE relreplident WHEN 'd' THEN 'DEFAULT' ELSE 'NOTHING' END), E';\n' ORDER BY name))
  FROM pg_temp.backout_plan WHERE NOT by_key AND comparable AND relreplident <> 'f'
  AND obj_description((SELECT oid FROM pg_publication WHERE pubname = 'backout_standby'), 'pg_publication') IS NULL
  HAVING count(*) > 0
\gexec
SET lock_timeout = '5s';
SELECT format('ALTER TABLE %s REPLICA IDENTITY FULL', name)
  FROM pg_temp.backout_plan WHERE NOT by_key AND comparable AND relreplident <> 'f'
\gexec
SELECT format('ALTER PUBLICATION backout_standby SET TABLE %s', string_agg('ONLY ' || name, ', ' ORDER BY name))
  FROM pg_temp.backout_plan WHERE by_key OR comparable HAVING count(*) > 0
\gexec
