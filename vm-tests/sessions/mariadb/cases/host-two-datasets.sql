-- The binary log and InnoDB's log are on a second dataset.
-- setting log_bin = /srv/logs/binary/main-log
-- setting innodb_log_group_home_dir = /srv/logs/redo
-- value binlog_dir /srv/logs/binary
-- value binlog main-log
-- value innodb_log_dir /srv/logs/redo
CREATE DATABASE s;
CREATE TABLE s.t (id INT PRIMARY KEY);
INSERT INTO s.t VALUES (1);
-- upgrade
INSERT INTO s.t VALUES (2), (3);
FLUSH BINARY LOGS;
DELETE FROM s.t WHERE id = 1;
