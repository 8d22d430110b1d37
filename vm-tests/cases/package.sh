#!/bin/bash
# DESCRIPTION: the Debian package: manual, completion, playbooks; Redis upgraded, brought back and forth from there; APT warns; an open change keeps it installed
# STRATEGY: dpkg -i of what `src/packaging/build` makes; APT is run against the open change's packages; removed, installed again, purged; the rescue archive in a root with nothing but busybox
# stage: redis-seeded
# uses: backout-package
# packages: man-db bash-completion busybox-static
# when: all
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
# The installed one, and not the one that tests are built with.
while [[ $PATH == /case/bin:* ]]; do PATH=${PATH#/case/bin:}; done
export DEBIAN_FRONTEND=noninteractive
says() { grep -F -- "$1" "$2" >/dev/null || { cat "$2" >&2; echo "it does not say: $1" >&2; return 1; }; }
says_nothing() { if grep -F 'backout' "$1" >&2; then return 1; fi; }

echo "== installed"
dpkg -i /case/packages/*.deb >/dev/null
# The image leaves manuals and documents out.
installs() { dpkg --path-include='/usr/share/man/*' --path-include='/usr/share/doc/*' -i /case/built/backout_*.deb; }
installs
command -v backout
stat -c '%U %a %n' /run/backout /var/lib/backout
[ "$(command -v backout)" = /usr/bin/backout ]
[ "$(stat -c '%U %a' /run/backout /var/lib/backout | paste -sd' ')" = 'root 700 root 700' ]
# The tool of the tests has the option, no release has.
if backout --help | grep -F crash; then exit 1; fi
MANPAGER=cat man backout-downgrade >/root/page
says 'bring the previous version back' <(tr 'A-Z\n' 'a-z ' </root/page | tr -s ' ')
[ -s "$(man -w backout)" ]
# shellcheck disable=SC1091
bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader backout || [ $? = 124 ]; COMP_WORDS=(backout downg) COMP_CWORD=1; _backout backout downg backout; echo "${COMPREPLY[*]}"' >/root/said
says downgrade /root/said
backout playbook list >/root/said
says '/usr/share/backout/playbooks/redis/playbook.toml' /root/said
for book in mariadb postgresql redis; do backout playbook check "/usr/share/backout/playbooks/$book"; done

backout watch install
systemctl is-active backout-watch.timer
[ "$(realpath "$(systemctl show --property=FragmentPath --value backout-watch.service)")" = /usr/lib/systemd/system/backout-watch.service ]

echo "== Redis, from the installed playbook"
rm /etc/backout/site.toml /etc/apt/preferences.d/backout-new
backout init redis --yes
expect_one_of 0 3 backout check --fix --yes
backout check
backout upgrade --yes
same_redis /root/dump-old
redis_write_on_new
redis_dump >/root/dump-new
change=/var/lib/backout/changes/$(change_id)
# The hook said nothing about the change's own packages.
if backout log --commands | grep -F 'APT is about to change'; then exit 1; fi

echo "== APT warns"
no_act=(-y -q -o Dpkg::Options::=--no-act)
apt-get remove "${no_act[@]}" redis-tools >/root/said 2>&1
cat /root/said
says "the change $(change_id)" /root/said
says 'redis-server 5:8.0' /root/said
says '(removed)' /root/said
says 'backout status' /root/said
apt-get remove "${no_act[@]}" busybox-static >/root/said 2>&1
says_nothing /root/said
# Broken or gone, it is in nobody's way.
mv "$change/journal" /root/journal
echo broken >"$change/journal"
apt-get remove "${no_act[@]}" redis-tools >/root/said 2>&1
says_nothing /root/said
mv /root/journal "$change/journal"
mv /usr/bin/backout /root/backout.away
apt-get remove "${no_act[@]}" redis-tools >/root/said 2>&1
says_nothing /root/said
mv /root/backout.away /usr/bin/backout

echo "== it is not removed while the change is open"
expect 100 apt-get remove -y -q backout >/root/said 2>&1
cat /root/said
says 'a change is open' /root/said
says 'backout commit' /root/said
[ "$(dpkg-query -W -f '${db:Status-Status}' backout)" = installed ]
expect 0 backout status
# Installed again, as an upgrade of it does.
installs
touch /run/backout/remove-anyway
dpkg -r backout
expect 3 systemctl is-active backout-watch.timer
[ ! -e /usr/bin/backout ]
[ ! -e /run/backout/remove-anyway ]
[ -s "$change/journal" ]
apt-get remove "${no_act[@]}" busybox-static >/root/said 2>&1
says_nothing /root/said
dpkg -P backout | tee /root/said
says '/var/lib/backout stays' /root/said
[ ! -e /etc/apt/apt.conf.d/60backout ]
[ -s "$change/journal" ]
[ -s /etc/backout/site.toml ]
installs

echo "== the rescue archive, in a root with nothing but busybox"
mkdir -p /root/rescue/bin /root/rescue/mnt/var/lib
cp /bin/busybox /root/rescue/bin/
cp /case/built/backout-*-rescue-amd64.tar.gz /root/rescue/archive
cp -a /var/lib/backout /root/rescue/mnt/var/lib/
chroot /root/rescue /bin/busybox tar xzf /archive
rescue() { chroot /root/rescue /bin/busybox env -i /bin/busybox sh -c 'exec /backout-*-rescue/backout "$@"' sh --host "$(hostname)" --state /mnt/var/lib/backout "$@"; }
expect 0 rescue status | tee /root/said
says upgraded /root/said
rescue log --commands >/root/said
says 'apt-get' /root/said
rescue report --format html --output /report.html
says "$(change_id)" /root/rescue/report.html
chroot /root/rescue /bin/busybox sh -c '/backout-*-rescue/backout playbook check /backout-*-rescue/playbooks/redis'

echo "== back, and forth, and kept"
backout downgrade --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
backout undo --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]

echo "== removed"
dpkg -P backout | tee /root/said
says '/var/lib/backout stays' /root/said
[ -s "$change/journal" ]
