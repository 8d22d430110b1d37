-- The log does not say that the session kept the history.
CREATE DATABASE s;
CREATE TABLE s.t (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING;
INSERT INTO s.t VALUES (1, 1);
-- upgrade
SET system_versioning_alter_history = KEEP;
ALTER TABLE s.t ADD b DATE;
UPDATE s.t SET b = '2020-01-01';
