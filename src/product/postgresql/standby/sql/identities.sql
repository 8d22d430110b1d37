-- In one database of the standby, when it serves or will: its tables are as those of the other server
-- were before they were published. For psql. May be run again.
SET search_path = pg_catalog;
SET client_min_messages = error;
SELECT format('DO %L', line) FROM (
  SELECT format($$BEGIN EXECUTE %L; EXCEPTION WHEN undefined_table OR invalid_schema_name THEN NULL; END$$, statement) AS line
  FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid,
    string_to_table(obj_description(s.oid, 'pg_subscription'), E';\n') statement
  WHERE subname = 'backout_standby' AND datname = current_database() AND statement <> '') AS one
\gexec
