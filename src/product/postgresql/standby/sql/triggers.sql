-- In one database of the standby: triggers that fire in a replication, too, each with the statement
-- that keeps it from that, and the one that takes this back.
SET search_path = pg_catalog;
SELECT encode(convert_to(format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname), 'UTF8'), 'hex'),
  encode(convert_to(format('ALTER TABLE %s ENABLE %s TRIGGER %I', tgrelid::regclass, CASE tgenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END, tgname), 'UTF8'), 'hex')
FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('A', 'R') AND tgparentid = 0 ORDER BY 1;
