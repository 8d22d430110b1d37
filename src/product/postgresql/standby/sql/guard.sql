-- In one database of the upgraded server, between the upgrade and the standby: whoever takes a
-- table's key away keeps UPDATE and DELETE, because the table leaves the publication in the same
-- transaction. While a standby runs, its feed sees to that. For psql; `withdraw.sql` takes it back.
SET search_path = pg_catalog;
SET client_min_messages = error;
CREATE SCHEMA backout_standby_guard;
CREATE FUNCTION backout_standby_guard.keep_harmless() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  one text;
BEGIN
  FOR one IN SELECT prrelid::regclass::text
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid JOIN pg_class c ON c.oid = prrelid
    WHERE pubname = 'backout_standby' AND relreplident <> 'f' AND pg_get_replica_identity_index(prrelid) IS NULL
  LOOP
    EXECUTE 'ALTER PUBLICATION backout_standby DROP TABLE ONLY ' || one;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'backout: %', SQLERRM;
END $$;
CREATE EVENT TRIGGER backout_standby ON ddl_command_end EXECUTE FUNCTION backout_standby_guard.keep_harmless();
