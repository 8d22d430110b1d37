-- In one database: the large objects, with owner, privileges and a checksum.
SET search_path = pg_catalog;
SELECT m.oid, encode(convert_to(pg_get_userbyid(lomowner), 'UTF8'), 'hex'),
  coalesce((SELECT string_agg(format('%s:%s:%s', encode(convert_to(CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee) END, 'UTF8'), 'hex'), privilege_type, is_grantable), ' ' ORDER BY grantee, privilege_type)
    FROM aclexplode(lomacl) WHERE grantee <> lomowner), '') AS privileges,
  coalesce((SELECT encode(sha256(string_agg(int4send(pageno) || sha256(data), '' ORDER BY pageno)), 'hex') FROM pg_largeobject WHERE loid = m.oid), '')
FROM pg_largeobject_metadata m;
