-- Of one database, run for each: who may do what with which object, one privilege a line. MAINTAIN
-- exists from 17 on, and is left out.
SET search_path = pg_catalog;
WITH acl (kind, name, acl) AS (
  SELECT 'schema', quote_ident(nspname), coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname NOT IN ('information_schema') AND nspname !~ '^pg_'
  UNION ALL
  SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, c.oid::regclass::text, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner))
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'f', 'S', 'v', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'
  UNION ALL
  SELECT 'column', format('%s.%I', attrelid::regclass, attname), attacl FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384 AND NOT attisdropped
  UNION ALL
  SELECT 'function', p.oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc p
  WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  UNION ALL
  SELECT 'type', format_type(t.oid, NULL), coalesce(typacl, acldefault('T', typowner)) FROM pg_type t WHERE t.oid >= 16384 AND typtype IN ('e', 'd', 'r')
  UNION ALL
  SELECT 'language', quote_ident(lanname), coalesce(lanacl, acldefault('l', lanowner)) FROM pg_language
  UNION ALL
  SELECT 'foreign server', quote_ident(srvname), coalesce(srvacl, acldefault('S', srvowner)) FROM pg_foreign_server
  UNION ALL
  SELECT 'foreign data wrapper', quote_ident(fdwname), coalesce(fdwacl, acldefault('F', fdwowner)) FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT 'large object', oid::text, coalesce(lomacl, acldefault('L', lomowner)) FROM pg_largeobject_metadata
  UNION ALL
  SELECT 'default', format('of %I in %s for %s', pg_get_userbyid(defaclrole), coalesce(quote_ident(nspname), 'all schemas'), defaclobjtype), defaclacl FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace
)
SELECT kind, current_database(), translate(name, E'\n\r\t', '   '), privilege_type, CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee)::text END, is_grantable
FROM acl, aclexplode(acl) WHERE privilege_type <> 'MAINTAIN';
