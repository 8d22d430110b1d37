-- not yet: the last transaction in the log changes nothing, and the replay does not take its GTID
CREATE DATABASE s;
CREATE TABLE s.t (id INT PRIMARY KEY);
INSERT INTO s.t VALUES (1);
-- upgrade
START TRANSACTION;
SAVEPOINT a;
UPDATE s.t SET id = 5;
ROLLBACK TO SAVEPOINT a;
COMMIT;
