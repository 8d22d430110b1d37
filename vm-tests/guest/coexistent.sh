# shellcheck shell=bash
# Two hosts on one machine: the stand-in for Messaging Server below / and, a newer version, below /srv/new, with a directory between them.
# Needs: messaging.sh.
NEWROOT=/srv/new
NEW=$NEWROOT$MSG
NEWVAR=$NEWROOT$VAR

directory() { /usr/local/sbin/mail-directory "$@"; }

# two_hosts: 7.0.5.31.0 with three users' mail, 8.0.2 without any, and the site file.
two_hosts() {
  printf '#!/bin/sh\nexec /case/messaging/messaging_server directory --folder /srv/directory "$@"\n' >/usr/local/sbin/mail-directory
  chmod 755 /usr/local/sbin/mail-directory
  mkdir -p /srv/directory
  for user in ann ben cleo; do directory assign "$user" mail1; done
  installers
  "/srv/installers/7.0.5.31.0/commpkg" install --silent NONE
  "$MSG/bin/configure"
  MS_ROOT=$NEWROOT "/srv/installers/8.0.2/commpkg" install --silent NONE
  MS_ROOT=$NEWROOT "$NEW/bin/configure"
  printf 'directory = /srv/directory\nhost = mail1\npeer.mail2 = %s\n' "$NEW" >>"$VAR/config/msg.conf"
  printf 'directory = /srv/directory\nhost = mail2\npeer.mail1 = %s\n' "$MSG" >>"$NEWVAR/config/msg.conf"
  "$MSG/bin/start-msg"
  "$NEW/bin/start-msg"
  mail 60 before
  drained_both
  users 30
  audit_both
  mkdir -p /etc/backout
  chmod 755 /etc/backout
  cat >/etc/backout/site.toml <<SITE
playbook = "messaging-server"
strategy = "coexistent"
upgrade_to = "8.0.2"
[hosts.old]
name = "mail1"
[hosts.new]
name = "mail2"
run = ["env", "MS_ROOT=$NEWROOT"]
variables = { root = "$NEW" }
[variables]
installers = "/srv/installers"
SITE
  chmod 644 /etc/backout/site.toml
}

# mail_to HOME COUNT NAME: so many messages are accepted there.
mail_to() {
  [ "$(standin deliver --home "$1" --record "$RECORD" --users ann,ben,cleo --count "$2" --name "$3")" = "$2 accepted" ]
}

# both_meanwhile: mail comes in at both hosts, until both_end.
both_meanwhile() {
  MAILERS=()
  local home
  for home in "$MSG" "$NEW"; do
    /case/messaging/messaging_server deliver --home "$home" --record "$RECORD.$((${#MAILERS[@]} + 1))" --users ann,ben,cleo --count 100000 --every 1000 \
      --name "meanwhile-$RANDOM" >/dev/null &
    MAILERS+=($!)
  done
}

both_end() {
  local pid
  for pid in "${MAILERS[@]}"; do
    kill "$pid"
    wait "$pid" || true
  done
  grep -c '"accepted"' "$RECORD.1" "$RECORD.2"
  # Each by itself is in order; mail that nobody accepted proves nothing.
  grep -q '"accepted"' "$RECORD.1"
  grep -q '"accepted"' "$RECORD.2"
  cat "$RECORD.1" "$RECORD.2" >>"$RECORD"
  rm "$RECORD.1" "$RECORD.2"
  drained_both
}

# drained_both: nothing is in either queue.
drained_both() {
  for _ in $(seq 600); do
    [ -n "$(find "$VAR/data/queue" "$NEWVAR/data/queue" -name '*.msg')" ] || return 0
    sleep 0.2
  done
  echo "mail stays in a queue" >&2
  return 1
}

audit_both() { standin audit --home "$MSG" --home "$NEW" --record "$RECORD"; }

# users_are 'HOST STATUS': all of them.
users_are() {
  local user
  for user in ann ben cleo; do
    [ "$(sed 's/.*: //' "/srv/directory/$user" | xargs)" = "$1" ] || { echo "$user: $(cat "/srv/directory/$user")" >&2; return 1; }
  done
}
