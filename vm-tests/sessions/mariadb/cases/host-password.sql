-- Root has a password, and no way in through the socket.
-- password secret
CREATE DATABASE s;
CREATE TABLE s.t (id INT PRIMARY KEY);
ALTER USER root@localhost IDENTIFIED BY 'secret';
-- upgrade
INSERT INTO s.t VALUES (1), (2);
