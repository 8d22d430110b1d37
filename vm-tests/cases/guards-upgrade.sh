#!/bin/bash
# DESCRIPTION: before an upgrade, each check refuses for its reason and says the remedy, and nothing is touched
# STRATEGY: spoil one thing at a time; `backout upgrade --yes` must end with 3 (or 2 for a bad file) and name the check; pool, service and packages stay as they were
# stage: seeded
# uses: backout
# limit: 1800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
site_file
backout check
pid=$(pidof mariadbd)

# warned of: what an unmount will not reach; not of what follows it, as a service's own mounts do
unshare --mount --propagation private sleep infinity &
stays=$!
unshare --mount --propagation slave sleep infinity &
follows=$!
for one in "$stays" "$follows"; do until [ "$(cat "/proc/$one/comm")" = sleep ]; do sleep 0.1; done; done
backout check | tee /root/said
grep -F '[data-users]' /root/said
grep -F "sleep ($stays): mounted at /var/lib/mysql in its own mount namespace" /root/said
grep -F "sleep ($follows)" /root/said && exit 1
kill "$stays" "$follows"
wait "$stays" "$follows" || true

# dataset and site
site_file; sed -i 's#tank/mysql#tank/nowhere#' /etc/backout/site.toml
refuses dataset-missing upgrade
site_file; sed -i 's#tank/mysql#nopool/mysql#' /etc/backout/site.toml
refuses pool-missing upgrade
pool_create second 128M 6; zfs create second/mysql
site_file; sed -i 's#tank/mysql#second/mysql#' /etc/backout/site.toml
refuses data-path upgrade
site_file; sed -i 's#"11.8"#"12.3"#' /etc/backout/site.toml
refuses candidate upgrade
site_file; sed -i 's#"11.8"#"10.11"#' /etc/backout/site.toml
refuses installed upgrade

# the state folder on what goes back
site_file
mkdir -p /var/lib/mysql/.backout
refuses place-on-dataset --state /var/lib/mysql/.backout upgrade
rmdir /var/lib/mysql/.backout

# files that others may write
chmod 666 /etc/backout/site.toml
expect 2 backout upgrade --yes 2>&1 | tee /root/said
grep -F 'chmod' /root/said
site_file

# a requirement of the product
sql -e 'SET GLOBAL binlog_expire_logs_seconds = 60'
refuses requirement upgrade
sql -e 'SET GLOBAL binlog_expire_logs_seconds = 0'
sql -e 'SET GLOBAL sync_binlog = 0'
refuses requirement upgrade
grep -F 'sync_binlog=0' /root/said
sql -e 'SET GLOBAL sync_binlog = 1'

# the package is not to be had
mv /etc/apt/preferences.d /root/preferences.d.away
mv /etc/apt/sources.list.d /root/sources.list.d.away
mv /var/lib/apt/lists /root/lists.away; mkdir -p /var/lib/apt/lists
refuses candidate upgrade
rm -rf /var/lib/apt/lists; mv /root/lists.away /var/lib/apt/lists
mv /root/sources.list.d.away /etc/apt/sources.list.d
mv /root/preferences.d.away /etc/apt/preferences.d

# the way back of the data
zfs set readonly=on tank/mysql
refuses readonly upgrade
zfs set readonly=off tank/mysql
zfs inherit readonly tank/mysql
# a name that the way back will need
zfs create tank/mysql.upgraded
refuses name-beside upgrade
zfs destroy tank/mysql.upgraded

# who may
cp /case/bin/backout /usr/local/bin/backout; chmod 755 /usr/local/bin/backout
expect 3 runuser -u nobody -- env BACKOUT_STATE=/tmp/nobody /usr/local/bin/backout upgrade --yes 2>&1 | tee /root/said
grep -F '[rights]' /root/said

# automatic snapshots are a warning, with the file and the line
# shellcheck disable=SC2016
echo '15 * * * * root zfs snapshot tank/mysql@$(date +\%s)' >/etc/cron.d/autosnap
backout check | tee /root/said
grep -F '[snapshot-jobs]' /root/said
grep -F '/etc/cron.d/autosnap' /root/said
rm /etc/cron.d/autosnap

[ "$(pidof mariadbd)" = "$pid" ]
[ ! -d /var/lib/backout/changes ] || [ -z "$(ls -A /var/lib/backout/changes)" ]
echo "and with all of it mended:"
backout check
