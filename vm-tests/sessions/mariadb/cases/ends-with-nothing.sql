-- The last transaction in the log changes nothing, and its position counts.
CREATE DATABASE s;
-- upgrade
START TRANSACTION WITH CONSISTENT SNAPSHOT;
SAVEPOINT a;
COMMIT;
