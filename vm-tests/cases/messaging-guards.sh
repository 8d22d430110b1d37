#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in): each warning of the vendor's chapter is a check that refuses, asks or warns, by name, and nothing is touched
# STRATEGY: each fault is made, the words are looked for, and datasets, registry, processes and links are as before; numbers are those of the table in playbooks/messaging-server/README.md
# stage: messaging-seeded
# uses: backout messaging
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
"$MSG/bin/start-msg"
world() {
  zfs list -H -t all -o name,guid,mounted,canmount -r tank
  zfs holds -H -r tank/store@% 2>/dev/null || true
  find /var/opt/CommsInstaller /opt /etc/backout -printf '%p %l %s\n' | sort
  pgrep -x 'watcher|stored|imapd|dispatcher|job_controller'
}
# says WORDS: the last check or refusal said them.
says() { grep -F -- "$1" /root/said >/dev/null || { cat /root/said; echo "it does not say: $1" >&2; return 1; }; }
# checked STATUS WORDS...: `check` ends so and says all of these; nothing is touched.
checked() {
  local status=$1 before
  shift
  before=$(world)
  expect "$status" backout check >/root/said 2>&1 || { cat /root/said; return 1; }
  for words in "$@"; do says "$words"; done
  [ "$(world)" = "$before" ]
}
# refused CHECK WORDS: the upgrade with every yes that can be given is refused all the same.
refused() {
  refuses "$1" upgrade "${UP[@]}" >/dev/null || { cat /root/said; return 1; }
  says "$2"
}

echo "== 1 the target is the Cassandra store"
messaging_site 'target_store = "cassandra"'
refused requirement 'rehostuser'
echo "== 2 the source is older than 7.0"
standin mkinstaller /srv/installers/6.3.0 6.3.0
/srv/installers/6.3.0/commpkg install --installroot /opt/old --silent NONE
messaging_site 'root = "/opt/old/messaging64"'
refused version-rule 'Upgrade to 7.x first'
echo "== 3 packages alone, on a host with a store"
messaging_site_of messaging-server-front '' 'role = "mta"'
refused requirement 'there is no mailbox list on this host'
echo "== 4 an alternate root"
messaging_site
before=$(world)
backout upgrade "${UP[@]}" --silent ALTROOT=/mnt --dry-run >/root/said
says "ALTROOT=/mnt is passed to the vendor's installer. [silent]"
says 'side-by-side'
[ "$(world)" = "$before" ]
echo "== 5, 7 a backup, and a test outside production: asked, and answered by name"
messaging_site
refuses question upgrade
says '--accept tested'
refuses question upgrade --accept tested
says '--accept backup'
echo "== 6 the format of the store changes"
checked 0 'The format of the message store changes in 8.0.1'
echo "== 8 the previous version's installer"
mv /srv/installers/7.0.5.31.0 /root/
refused requirement "the distribution of the installed version exists"
cp -a /srv/installers/8.0.1 /srv/installers/7.0.5.31.0
refused requirement "the distribution of the installed version exists"
rm -r /srv/installers/7.0.5.31.0
mv /root/7.0.5.31.0 /srv/installers/
echo "== 9 a store that is not on ZFS, and a host without a store"
mkdir -p /srv/store/mboxlist
messaging_site 'mboxlist = "/srv/store/mboxlist"'
refused data-path 'is not on ZFS'
messaging_site 'role = "mta"'
refused requirement 'messaging-server-front'
echo "== 10 the snapshot does not cover everything"
messaging_site_of messaging-server 'datasets = ["tank/store/mboxlist", "tank/store/index"]'
refused data-path 'which the site file does not name'
echo "== 12 queue, journal, backup and installer where they would go back"
messaging_site "queue = \"$VAR/data/store/messages\""
refused outside 'must not be rolled back with the data'
messaging_site
refuses place-on-dataset --state "$VAR/data/store/messages/backout" upgrade "${UP[@]}" >/dev/null
messaging_site_of messaging-server 'datasets = ["tank/store"]
store = "'"$VAR"'/data/store/index/backout"'
refused place-on-dataset 'which would be rolled back'
echo "== 13 below 7.0.5.29.0 no flags come back"
/srv/installers/7.0.5.28.0/commpkg install --installroot /opt/older --silent NONE
messaging_site 'root = "/opt/older/messaging64"'
# The other installation's store does not run, which is refused besides.
checked 3 'do not restore message flags' '[version-rule]'
/srv/installers/7.0.5.28.0/commpkg uninstall --installroot /opt/older --silent NONE
/srv/installers/6.3.0/commpkg uninstall --installroot /opt/old --silent NONE
echo "== 11 a stop that lies: no snapshot is taken while a server runs"
messaging_site 'margin = "1 second"'
printf "stop-msg lie\n" >"$VAR/misbehave"

status=0
backout upgrade "${UP[@]}" --yes >/root/said 2>&1 || status=$?
cat /root/said
[ "$status" = 1 ]
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
rm "$VAR/misbehave"
backout abort --yes
echo "== 14, 16, 17 what the plan says: from the snapshot's time, only the store, read back before anything goes, each dataset by itself"
echo "-- 20 unattended: the vendor's state file read, an answers file written, filled in bit by bit, and overridden by the command line"
/srv/installers/8.0.2/commpkg upgrade --dry-run | sed -n 's/^state file: //p' >/root/vendor
backout plan upgrade --answers /root/answers.toml --state-file "$(cat /root/vendor)" >/dev/null
cat /root/answers.toml
expect 2 backout plan upgrade --answers /root/answers.toml
for answer in begin '"tested"' '"backup"'; do
  refused_by_file() { expect 3 backout upgrade --answers /root/answers.toml >/root/said 2>&1; }
  refused_by_file
  says 'an answer is missing'
  says '/root/answers.toml'
  sed -i "s/^$answer = \"\"/$answer = \"yes\"/" /root/answers.toml
done
expect 2 backout upgrade --answers /root/answers.toml --silent DRYRUN=yes
expect 2 backout downgrade --answers /root/answers.toml
backout upgrade --answers /root/answers.toml --silent UPGRADESC=No
messaging_version | grep -F 8.0.2
cat "/var/lib/backout/changes/$(change_id)/silent"
grep -Fx 'UPGRADESC=No' "/var/lib/backout/changes/$(change_id)/silent"
grep -Fx 'COMPONENTS=MS64' "/var/lib/backout/changes/$(change_id)/silent"
# A command of several lines as one.
backout plan downgrade --commands | sed -e ':join' -e '/\\$/{N;s/ *\\\n */ /;b join' -e '}' >/root/plan
grep -F 'imsbackup -x -v -f' /root/plan
grep -E 'imsbackup .* -d [0-9]{8}:[0-9]{6} /' /root/plan
grep -F 'start-msg store' /root/plan
grep -F 'imsrestore -E -f' /root/plan
[ "$(grep -n 'imsrestore -t' /root/plan | cut -d: -f1)" -lt "$(grep -n 'rename -u tank/store' /root/plan | head -n 1 | cut -d: -f1)" ]
for dataset in store store/mboxlist store/index store/messages; do grep -F "zfs clone -o canmount=noauto tank/$dataset@" /root/plan; done
echo "== 7, 18 the last resort, and watchdogs: asked before a downgrade"
refuses question downgrade --keep
says '--accept last-resort'
says '--accept watchdog-off'
echo "== 8 the installer that was put aside was changed since"
file=$(find "/var/lib/backout/changes/$(change_id)/installer" -type f -size +1k | head -n 1)
cp -p "$file" /root/installer-file
echo x >>"$file"
refuses installer downgrade "${DOWN[@]}" --keep >/dev/null
says 'is not the file that was saved'
cp -p /root/installer-file "$file"
echo "== 15 snapshots of others, newer than ours"
zfs snapshot tank/store/index@hourly-1
zfs snapshot tank/store/index@hourly-2
zfs hold somebody tank/store/index@hourly-2
refuses newer-snapshots downgrade "${DOWN[@]}" --in-place >/dev/null
says 'tank/store/index@hourly-1'
says 'tank/store/index@hourly-2'
zfs release somebody tank/store/index@hourly-2
backout downgrade "${DOWN[@]}" --in-place --yes --accept tank/store/index@hourly-1 --accept tank/store/index@hourly-2
messaging_version | grep -F 7.0.5.31.0
audit
