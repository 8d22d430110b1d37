#!/bin/bash
# dump.sh > FILE: all that a MariaDB server holds, in one canonical text, to be compared with `cmp` or `diff`.
# Independent of mariadb-dump and of the tool under test: plain SELECTs, one line a row, in the order of the primary key.
#
# Normalised, because it differs between 10.11 and 11.8 for the same content (and nothing else is):
#   - AUTO_INCREMENT=N in SHOW CREATE TABLE is left out: a replay may leave the next number lower than the failed inserts made it
#   - a view's, trigger's, function's and procedure's definition goes without the character set of the client that made it
#   - the accounts that the package owns (root, mysql, mariadb.sys, PUBLIC) are left out: 11.8 has privileges that 10.11 has no word for
# Not compared: the schemas mysql (but accounts), sys, information_schema, performance_schema.
set -euo pipefail

sql() { mariadb --skip-ssl --default-character-set=utf8mb4 --batch --skip-column-names --raw "$@"; }
own="('mysql','sys','information_schema','performance_schema')"

sql -e "SELECT CONCAT('SCHEMA ', schema_name, ' ', default_character_set_name, ' ', default_collation_name)
        FROM information_schema.schemata WHERE schema_name NOT IN $own ORDER BY schema_name"

sql -e "SELECT table_schema, table_name FROM information_schema.tables
        WHERE table_type = 'BASE TABLE' AND table_schema NOT IN $own ORDER BY 1, 2" |
  while IFS=$'\t' read -r schema table; do
    printf 'TABLE %s.%s\n' "$schema" "$table"
    sql -e "SHOW CREATE TABLE \`$schema\`.\`$table\`" | cut -f2- | sed -E 's/ AUTO_INCREMENT=[0-9]+//'
    # QUOTE tells NULL from 'NULL' and escapes what would break the line; bytes go as hexadecimal.
    columns=$(sql -e "SET SESSION group_concat_max_len = 1000000;
      SELECT GROUP_CONCAT(IF(data_type IN ('binary','varbinary','tinyblob','blob','mediumblob','longblob','bit','geometry'),
               CONCAT('COALESCE(HEX(\`', column_name, '\`),\"NULL\")'), CONCAT('REPLACE(QUOTE(\`', column_name, '\`),\"\n\",\"\\\\\\\\n\")'))
               ORDER BY ordinal_position SEPARATOR ',')
      FROM information_schema.columns WHERE table_schema = '$schema' AND table_name = '$table'")
    order=$(sql -e "SELECT GROUP_CONCAT(CONCAT('\`', column_name, '\`') ORDER BY seq_in_index SEPARATOR ',')
      FROM information_schema.statistics WHERE table_schema = '$schema' AND table_name = '$table' AND index_name = 'PRIMARY'")
    [ "$order" != NULL ] || order=1
    sql -e "SET time_zone = '+00:00'; SELECT CONCAT_WS(' | ', $columns) FROM \`$schema\`.\`$table\` ORDER BY $order"
    printf 'ROWS %s\n' "$(sql -e "SELECT COUNT(*) FROM \`$schema\`.\`$table\`")"
  done

sql -e "SELECT CONCAT('VIEW ', table_schema, '.', table_name, ' ', definer, ' ', security_type, ' ', view_definition)
        FROM information_schema.views WHERE table_schema NOT IN $own ORDER BY table_schema, table_name"
sql -e "SELECT CONCAT('ROUTINE ', routine_schema, '.', routine_name, ' ', routine_type, ' ', definer, ' ', sql_mode, ' ', COALESCE(dtd_identifier, ''), ' ', routine_definition)
        FROM information_schema.routines WHERE routine_schema NOT IN $own ORDER BY routine_schema, routine_type, routine_name"
sql -e "SELECT CONCAT('PARAMETER ', specific_schema, '.', specific_name, ' ', ordinal_position, ' ', COALESCE(parameter_mode, ''), ' ', COALESCE(parameter_name, ''), ' ', dtd_identifier)
        FROM information_schema.parameters WHERE specific_schema NOT IN $own ORDER BY specific_schema, specific_name, ordinal_position"
sql -e "SELECT CONCAT('TRIGGER ', trigger_schema, '.', trigger_name, ' ', action_timing, ' ', event_manipulation, ' ', event_object_table, ' ', definer, ' ', sql_mode, ' ', action_statement)
        FROM information_schema.triggers WHERE trigger_schema NOT IN $own ORDER BY trigger_schema, trigger_name"
sql -e "SELECT CONCAT('EVENT ', event_schema, '.', event_name, ' ', definer, ' ', event_definition)
        FROM information_schema.events WHERE event_schema NOT IN $own ORDER BY event_schema, event_name"

# Accounts with what they authenticate with, and roles.
sql -e "SELECT QUOTE(user), QUOTE(host), COALESCE(JSON_VALUE(priv, '\$.is_role'), 0) FROM mysql.global_priv
        WHERE user NOT IN ('root','mysql','mariadb.sys','PUBLIC') ORDER BY user, host" |
  while IFS=$'\t' read -r user host is_role; do
    account="$user@$host"
    case $is_role in 1 | true) account=$user ;; esac
    printf 'ACCOUNT %s\n' "$account"
    [ "$account" = "$user" ] || sql -e "SHOW CREATE USER $account"
    sql -e "SHOW GRANTS FOR $account" | LC_ALL=C sort
  done
