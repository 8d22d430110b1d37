-- In one database: each table with its number, which it has kept through the upgrade, and how many
-- columns it has had. One that was made anew is told by that, though it looks the same.
SET search_path = pg_catalog;
SELECT 'table', current_database(), c.oid::regclass, c.oid, relnatts
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind = 'r' AND relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)';
