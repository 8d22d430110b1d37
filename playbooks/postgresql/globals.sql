-- Of the cluster: roles with the SHA-256 of their passwords, memberships, databases, tablespaces,
-- settings of roles and databases.
SET search_path = pg_catalog;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
WITH line (kind, name, text) AS (
  SELECT 'role', rolname::text, concat_ws('; ', CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolinherit THEN 'inherit' END, CASE WHEN rolcreaterole THEN 'createrole' END,
    CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolcanlogin THEN 'login' END, CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END,
    'connections ' || rolconnlimit, 'valid until ' || rolvaliduntil, 'password ' || encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex'))
  FROM pg_authid WHERE rolname !~ '^pg_'
  UNION ALL
  SELECT 'member', format('%I of %I', pg_get_userbyid(member), pg_get_userbyid(roleid)), CASE WHEN bool_or(admin_option) THEN 'admin option' END
  FROM pg_auth_members WHERE member >= 16384 GROUP BY 2
  UNION ALL
  SELECT 'database', datname::text, concat_ws('; ', format('owner %I', pg_get_userbyid(datdba)), pg_encoding_to_char(encoding), datcollate, datctype,
    CASE WHEN NOT datallowconn THEN 'no connections' END, CASE WHEN datistemplate THEN 'template' END, 'connections ' || datconnlimit, 'tablespace ' || spcname)
  FROM pg_database JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname <> 'template0'
  UNION ALL
  SELECT 'database grant', datname::text, format('%s to %s%s', a.privilege_type, CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END, CASE WHEN a.is_grantable THEN ' with grant option' END)
  FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a WHERE datname <> 'template0'
  UNION ALL
  SELECT 'comment', pg_describe_object(classoid, objoid, 0), description FROM pg_shdescription
  UNION ALL
  SELECT 'tablespace', spcname::text, concat_ws('; ', format('owner %I', pg_get_userbyid(spcowner)), pg_tablespace_location(oid), spcoptions::text) FROM pg_tablespace
  UNION ALL
  SELECT 'setting', format('role %s, database %s', CASE setrole WHEN 0 THEN 'all' ELSE quote_ident(pg_get_userbyid(setrole)) END, coalesce(quote_ident(datname), 'all')), array_to_string(ARRAY(SELECT c FROM unnest(setconfig) c ORDER BY c), '; ')
  FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase
)
SELECT kind, translate(name, E'\n\r\t', '   '), replace(replace(replace(replace(coalesce(text, ''), '\', '\\'), E'\n', '\n'), E'\r', '\r'), E'\t', '\t') FROM line;
