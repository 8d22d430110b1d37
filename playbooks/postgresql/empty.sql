-- Takes everything out of a server: databases, roles, settings of roles and databases. For psql,
-- connected to a database that stays. template0 stays as well, and the role that initdb made.
SET client_min_messages = error;
UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname <> 'template0';
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_catalog.pg_database
  WHERE datname NOT IN ('template0', current_database())
\gexec
SELECT format('ALTER TABLESPACE %I OWNER TO CURRENT_USER', spcname) FROM pg_catalog.pg_tablespace WHERE spcname !~ '^pg_'
\gexec
SELECT format('REVOKE ALL ON TABLESPACE %I FROM PUBLIC', spcname) FROM pg_catalog.pg_tablespace WHERE spcname !~ '^pg_'
\gexec
SELECT format('REVOKE ALL ON PARAMETER %s FROM PUBLIC', parname) FROM pg_catalog.pg_parameter_acl
\gexec
SELECT format('DROP OWNED BY %I CASCADE', rolname) FROM pg_catalog.pg_roles WHERE oid >= 16384 AND rolname <> current_user
\gexec
SELECT format('DROP ROLE %I', rolname) FROM pg_catalog.pg_roles WHERE oid >= 16384 AND rolname <> current_user
\gexec
SELECT format('ALTER ROLE %I RESET ALL', rolname) FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'
\gexec
ALTER ROLE ALL RESET ALL;
