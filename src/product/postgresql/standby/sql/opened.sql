-- In one database of the previous version, when it serves: what a standby needed goes, and the
-- materialized views are computed anew, in the order in which they were made. For psql. May be run
-- again.
SET search_path = pg_catalog;
SET client_min_messages = error;
SELECT format('DO %L', format($$BEGIN EXECUTE %L; EXCEPTION WHEN OTHERS THEN RAISE WARNING '%%', SQLERRM; END$$,
    format('REFRESH MATERIALIZED VIEW %s', c.oid::regclass))) FROM pg_class c
  WHERE relkind = 'm' AND relispopulated
  AND EXISTS (SELECT FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE subname = 'backout_standby' AND datname = current_database())
  ORDER BY c.oid
\gexec
SELECT unnest(ARRAY['ALTER SUBSCRIPTION backout_standby DISABLE',
  'ALTER SUBSCRIPTION backout_standby SET (slot_name = NONE)',
  'COMMENT ON SUBSCRIPTION backout_standby IS NULL', 'DROP SUBSCRIPTION backout_standby'])
  WHERE EXISTS (SELECT FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE subname = 'backout_standby' AND datname = current_database())
\gexec
-- Of a beginning that was interrupted.
DROP PUBLICATION IF EXISTS backout_standby;
