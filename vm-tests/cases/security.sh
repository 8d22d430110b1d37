#!/bin/bash
# DESCRIPTION: an ordinary user, with and without `zfs allow`; a secret that shows nowhere; nothing that is written is readable by others; files that others may write to, and links, are refused
# STRATEGY: a server with a password goes up and down under umask 000, and is watched: journal, log and command lines never contain the password; then every file is checked, and spoiled
# stage: redis-seeded
# uses: backout
# when: all
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
# shellcheck disable=SC2016
secret='it is; $(a) "Secret" of 8.0'

echo "== an ordinary user: check and plan work and say what they cannot see; the rest is refused with a clear word; zfs allow changes nothing of that"
useradd --create-home alice
cp /case/bin/backout /usr/local/bin/backout
chmod 755 /usr/local/bin/backout
as_alice() { runuser -u alice -- env HOME=/home/alice /usr/local/bin/backout "$@"; }
ordinary() {
  before=$(world)
  expect 0 as_alice check | tee /root/said
  grep -F '[rights]' /root/said
  grep -F 'zfs allow' /root/said
  expect 0 as_alice plan >/dev/null
  expect 0 as_alice status
  for verb in snapshot upgrade; do
    expect 3 as_alice --state /home/alice/state "$verb" --yes >/root/said 2>&1 || { cat /root/said; return 1; }
    grep -F 'Must be run as root (you are uid 1000)' /root/said
    grep -F 'zfs allow' /root/said
    # With the host's own state folder, which is not theirs.
    expect 3 as_alice "$verb" --yes >/root/said 2>&1 || { cat /root/said; return 1; }
    grep -F 'root must' /root/said
    grep -F 'sudo backout' /root/said
  done
  [ "$(world)" = "$before" ]
}
ordinary
zfs allow -u alice snapshot,hold,release,destroy,rollback,clone,promote,rename,mount,create,userprop,canmount,mountpoint,send tank/redis
runuser -u alice -- zfs snapshot tank/redis@theirs
runuser -u alice -- zfs destroy tank/redis@theirs
ordinary
zfs unallow -u alice tank/redis

echo "== a secret whose file everyone may read is refused"
printf '%s\n' "$secret" >/etc/backout/redis.secret
redis-cli config set requirepass "$secret"
printf 'requirepass "%s"\n' "${secret//\"/\\\"}" >>/etc/redis/redis.conf
redis_site
echo 'password_file = "/etc/backout/redis.secret"' >>/etc/backout/site.toml
chmod 644 /etc/backout/redis.secret
expect 3 backout upgrade --yes >/root/said 2>&1
grep -F '[secret]' /root/said
grep -F 'chmod o-rwx /etc/backout/redis.secret' /root/said
chmod 600 /etc/backout/redis.secret
mv /etc/backout/redis.secret /root/redis.secret
expect 3 backout upgrade --yes >/root/said 2>&1
grep -F '[secret]' /root/said
mv /root/redis.secret /etc/backout/redis.secret

echo "== up and down under umask 000, with a password; it is seen by nobody"
export REDISCLI_AUTH=$secret
# The watcher: what stands in a command line, at any time. While libc6 is exchanged a program may fail to start.
printf '%s\n' "$secret" >/root/pattern
(while :; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -F -f /root/pattern >>/root/seen || true; sleep 0.05 || true; done) &
watcher=$!
trap 'kill $watcher' EXIT
# A watcher that sees nothing proves nothing.
# Two commands: for one alone bash would become that, and lose its words.
bash -c 'sleep 5; true' "$secret"
[ -s /root/seen ]
: >/root/seen
umask 000
(
  unset REDISCLI_AUTH
  backout upgrade --yes
)
redis_version | grep -F 8.0
same_redis /root/dump-old
redis_write_on_new
redis_dump >/root/dump-new
(
  unset REDISCLI_AUTH
  backout downgrade --keep --yes
  backout undo --yes
  backout downgrade --in-place --yes
)
redis_version | grep -F 7.0
same_redis /root/dump-new
umask 022
kill "$watcher"
trap - EXIT
[ ! -s /root/seen ] || { cat /root/seen; exit 1; }
# The configuration that was saved holds it, as the original does; nothing else.
grep -rqF Secret /var/lib/backout
# The word itself is in libssl, which is among the programs that were kept.
if grep -rlF "$secret" /var/lib/backout /run/backout --exclude-dir=config-previous --exclude-dir=config-upgraded; then exit 1; fi
grep -qF '/etc/backout/redis.secret' "/var/lib/backout/changes/$(change_id)/journal"

echo "== all files and folders are for root alone"
# Below the saved configuration and the kept programs are the modes of the originals: they are put back, or run by the server's
# own user. These folders themselves are closed.
wide() { find /var/lib/backout /run/backout \( -path '*/config-previous/*' -o -path '*/config-upgraded/*' -o -path '*-programs/*' \) -prune -o ! -type l -perm /0077 -printf '%M %u %p\n' -o ! -user root -printf '%M %u %p\n'; }
find /var/lib/backout /run/backout -printf '%M %u %p\n' | grep -v -e /config- -e -programs/ | sed -n 1,60p
[ -z "$(wide)" ] || { wide; exit 1; }
# A test that cannot fail is none.
touch /var/lib/backout/changes/x
chmod 640 /var/lib/backout/changes/x
[ -n "$(wide)" ]
rm /var/lib/backout/changes/x

echo "== what others may write to, and links, are not used"
change=/var/lib/backout/changes/$(change_id)
spoilt() { # STATUS WORDS COMMAND...
  local status=$1 words=$2
  shift 2
  expect "$status" "$@" >/root/said 2>&1 || { cat /root/said; return 1; }
  grep -F "$words" /root/said || { cat /root/said; return 1; }
}
world >/root/world
for what in "$change/journal" "$change/log" "$change/playbook.toml" "$change/config-previous" "$change/installer" "$change" /var/lib/backout; do
  mode=$(stat -c %a "$what")
  for wrong in g+w o+w; do
    chmod "$wrong" "$what"
    spoilt 6 'may write to it' backout status
    spoilt 6 'may write to it' backout commit --yes
    chmod "$mode" "$what"
  done
  chown alice "$what"
  spoilt 6 'it belongs to user 1000' backout commit --yes
  chown root "$what"
done
for what in journal log playbook.toml config-previous installer; do
  mv "$change/$what" "/root/moved"
  ln -s /root/moved "$change/$what"
  spoilt 6 'symbolic link' backout status
  spoilt 6 'symbolic link' backout commit --yes
  rm "$change/$what"
  mv /root/moved "$change/$what"
done
chmod 777 /run/backout
spoilt 1 'may write to it' backout commit --yes
chmod 700 /run/backout
ln -s /etc/passwd /run/backout/other
mv /run/backout/lock /run/backout/lock.away
ln -s /etc/passwd /run/backout/lock
spoilt 1 'cannot lock' backout commit --yes
grep -q '^root:' /etc/passwd
rm /run/backout/lock /run/backout/other
mv /run/backout/lock.away /run/backout/lock
backout commit --yes
for what in /etc/backout/site.toml /etc/backout; do
  mode=$(stat -c %a "$what")
  chmod g+w "$what"
  spoilt 2 'may write to it' backout upgrade --yes
  chmod "$mode" "$what"
done
mkdir -m 777 /srv/shared
cp -p /etc/backout/site.toml /srv/shared/
cp -rL /case/playbooks/redis /srv/shared/
spoilt 2 'may write to it' backout --site /srv/shared/site.toml upgrade --yes
spoilt 2 'may write to it' backout --playbooks /srv/shared upgrade --yes
ln -s /srv/shared/site.toml /etc/backout/link.toml
spoilt 2 'may write to it' backout --site /etc/backout/link.toml upgrade --yes
rm /etc/backout/link.toml
spoilt 3 'place-writable' backout --state /srv/shared/state upgrade --yes
sed -i '/^\[variables\]/i store = "/srv/shared/store"' /etc/backout/site.toml
spoilt 3 'place-writable' backout upgrade --yes
same_redis /root/dump-new
