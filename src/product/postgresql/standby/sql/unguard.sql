-- Takes `guard.sql` back. For psql. May be run again.
SET client_min_messages = error;
SET lock_timeout = '5s';
DROP SCHEMA IF EXISTS backout_standby_guard CASCADE;
