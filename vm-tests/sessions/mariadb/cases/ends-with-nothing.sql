-- not yet: the last transaction in the log changes nothing, and the replay does not take its GTID
CREATE DATABASE s;
-- upgrade
START TRANSACTION WITH CONSISTENT SNAPSHOT;
SAVEPOINT a;
COMMIT;
