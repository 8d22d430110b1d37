-- A server of mariadb@one: its settings are in a group of its own.
-- setting [mariadbd.one]
-- setting log_bin = /srv/data/mysql/one-bin
-- value group_suffix .one
-- value binlog one-bin
CREATE DATABASE s;
CREATE TABLE s.t (id INT PRIMARY KEY);
-- upgrade
INSERT INTO s.t VALUES (2), (3);
