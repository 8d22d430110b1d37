-- What fails after it has done a part is in the log, with its error: it fails alike.
CREATE DATABASE s;
CREATE FUNCTION s.`rÄ` () RETURNS INT DETERMINISTIC RETURN 1;
CREATE USER u@localhost;
GRANT SELECT ON s.* TO u@localhost;
-- upgrade
GRANT EXECUTE ON FUNCTION s.`rÄ` TO u@localhost;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM u@localhost;
CREATE TABLE s.t (id INT PRIMARY KEY);
