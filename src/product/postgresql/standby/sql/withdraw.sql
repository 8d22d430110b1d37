-- In one database: takes back what was done for the publication. For psql. May be run again.
SET search_path = pg_catalog;
SET client_min_messages = error;
SET lock_timeout = '5s';
-- First: a published table without its identity would refuse UPDATE and DELETE.
SELECT format('ALTER PUBLICATION backout_standby DROP TABLE %s', string_agg('ONLY ' || prrelid::regclass::text, ', '))
  FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid WHERE pubname = 'backout_standby' HAVING count(*) > 0
\gexec
SELECT format('DO %L', line) FROM (
  SELECT format($$BEGIN EXECUTE %L; EXCEPTION WHEN undefined_table OR invalid_schema_name THEN NULL; END$$, rtrim(statement, ';')) AS line
  FROM pg_publication p, string_to_table(obj_description(p.oid, 'pg_publication'), E';\n') statement
  WHERE pubname = 'backout_standby' AND statement <> '') AS one
\gexec
DROP PUBLICATION IF EXISTS backout_standby;
DROP SCHEMA IF EXISTS backout_standby_guard CASCADE;
