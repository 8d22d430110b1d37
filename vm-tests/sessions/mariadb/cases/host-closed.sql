-- What the configuration opens is closed while there are no clients, and what it runs does not run.
-- setting skip-networking = 0
-- setting port = 33061
-- setting extra_port = 33062
-- setting bind-address = 127.0.0.1
-- setting loose-handlersocket = ON
-- setting loose-feedback = ON
-- setting init-connect = "INSERT INTO s.opened VALUES (NULL)"
CREATE DATABASE s;
CREATE TABLE s.opened (id INT AUTO_INCREMENT PRIMARY KEY);
-- upgrade
INSERT INTO s.opened VALUES (NULL);
