#!/bin/bash
# DESCRIPTION: from MariaDB on a dataset, with nothing prepared, to a green check: init, check --fix, check
# STRATEGY: Debian's own settings, no binary log, no pin; what init finds is compared with what is known; nothing is restarted that was not named
# stage: none
# uses: backout
# when: all
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
pool_create tank 2G
mariadb_configure() { :; }
mariadb_on_zfs tank/mysql
rm /etc/apt/preferences.d/backout-new
started() { systemctl show --property=ActiveEnterTimestampMonotonic mariadb.service; }
began=$SECONDS

echo "== init"
# The image has Redis, too.
expect 3 backout init --yes
backout init mariadb --dry-run
[ ! -e /etc/backout/site.toml ]
backout init mariadb --yes
for line in 'playbook = "mariadb"' 'datasets = ["tank/mysql"]' 'upgrade_to = "11.8"' 'release = "trixie"'; do
  grep -Fx "$line" /etc/backout/site.toml
done
[ "$(stat -c '%U %a' /etc/backout /etc/backout/site.toml | paste -sd' ')" = 'root 755 root 644' ]
expect 3 backout init mariadb --yes
backout playbook try mariadb || [ $? = 1 ]

echo "== check --fix: what is written, but nothing is restarted unnamed"
expect 3 backout check
before=$(started)
expect 3 backout check --fix --yes
[ "$(started)" = "$before" ]
cat /etc/mysql/mariadb.conf.d/90-backout.cnf /etc/apt/preferences.d/backout-trixie

echo "== the restart, by name"
expect 0 backout check --fix --yes --accept mariadb.service
[ "$(started)" != "$before" ]
expect 0 backout check
[ "$(sql -e 'SELECT @@binlog_format, @@log_bin_basename')" = "ROW	/var/lib/mysql/mysql-bin" ]
echo "from nothing to a green check: $((SECONDS - began)) s"
backout plan --commands >/root/said
grep -F 'apt-get install' /root/said
