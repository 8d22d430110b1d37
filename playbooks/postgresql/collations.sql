-- In one database: makes the indexes anew whose collation has another version now than when they
-- were made, and says that this was done. For psql.
SET client_min_messages = error;
SET search_path = pg_catalog;
CREATE TEMPORARY TABLE backout_changed AS
  SELECT oid FROM pg_collation WHERE collversion <> pg_collation_actual_version(oid)
  UNION ALL
  SELECT 100 FROM pg_database
  WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid);
SELECT format('REINDEX INDEX %s', i.indexrelid::regclass)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE c.relkind = 'i' AND c.relpersistence <> 't'
  AND EXISTS (SELECT FROM unnest(i.indcollation) one WHERE one IN (SELECT oid FROM pg_temp.backout_changed))
\gexec
SELECT format('ALTER COLLATION %s REFRESH VERSION', c.oid::regcollation)
  FROM pg_collation c WHERE c.oid <> 100 AND c.oid IN (SELECT oid FROM pg_temp.backout_changed)
\gexec
SELECT format('ALTER DATABASE %I REFRESH COLLATION VERSION', current_database())
  WHERE EXISTS (SELECT FROM pg_temp.backout_changed WHERE oid = 100)
\gexec
