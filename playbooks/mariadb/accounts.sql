-- Accounts, roles and privileges. Password hashes appear only as a hash of the hash. Left out is
-- what the versions write differently: the version number, the bits of all privileges, and the
-- privilege that 11.3 added (part of ALL there).
SELECT 'account', User, Host, SHA2(JSON_NORMALIZE(JSON_REMOVE(Priv, '$.version_id', '$.access', '$.password_last_changed')), 256) FROM mysql.global_priv;
SELECT 'role', Host, User, Role, Admin_option FROM mysql.roles_mapping;
SELECT 'proxy', Host, User, Proxied_host, Proxied_user, With_grant FROM mysql.proxies_priv;
SELECT 'global', GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE <> 'SHOW CREATE ROUTINE';
SELECT 'schema', GRANTEE, TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE <> 'SHOW CREATE ROUTINE';
SELECT 'table', GRANTEE, TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.TABLE_PRIVILEGES;
SELECT 'column', GRANTEE, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.COLUMN_PRIVILEGES;
SELECT 'routine', Host, User, Db, Routine_name, Routine_type, Grantor, Proc_priv FROM mysql.procs_priv;
