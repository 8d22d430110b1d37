-- A table that the server itself wrote into the log: it gives all defaults, in its own character
-- set, whatever the session has set.
CREATE DATABASE s;
CREATE TABLE s.t (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL, `c é` TIMESTAMP(3) NOT NULL);
INSERT INTO s.t VALUES (1, '2020-01-01', '2020-01-01');
-- upgrade
-- client latin1
USE s;
CREATE TEMPORARY TABLE s.tmp (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL, `d é` INT);
SET explicit_defaults_for_timestamp = OFF;
CREATE TABLE s.u AS SELECT * FROM s.t;
CREATE TABLE s.none AS SELECT * FROM s.t WHERE id = 7;
CREATE TABLE s.promoted (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL, `d é` INT);
CREATE TABLE `like t` LIKE s.t;
CREATE TABLE `like tmp` LIKE s.tmp;
CREATE OR REPLACE TABLE `promoted` LIKE s.tmp;
CREATE TABLE `as written` (
  id INT, ts TIMESTAMP NOT NULL, `ü` INT);
INSERT INTO s.u (id, ts, `c é`) VALUES (3, '2021-01-01', '2020-01-01');
