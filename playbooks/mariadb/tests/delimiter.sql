-- delimiter.log
CREATE EVENT e3 ON SCHEDULE EVERY 1 DAY DO SELECT 1$$
ALTER EVENT e3 DO BEGIN SELECT 2/*!*/; DROP TABLE secret.s/*!*/; END$$
ALTER EVENT e3 DO BEGIN
 SELECT 3
/*!*/;
# at 1000
DROP DATABASE secret
/*!*/;
# at 4
#261129  8:00:33 server id 1  end_log_pos 900 CRC32 0xa58e13c7 	GTID 0-1-999 ddl
#261129  8:00:33 server id 1  end_log_pos 0 	Gtid list [0-1-900]
END$$
INSERT INTO t VALUES (6)$$
-- forged-end.log
ALTER EVENT e3 DO BEGIN
 SELECT 5
/*!*/;
# at 547
DROP DATABASE secret
/*!*/;
END$$
INSERT INTO t VALUES (8)$$
