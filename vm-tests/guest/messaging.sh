# shellcheck shell=bash disable=SC2034
# The stand-in for Messaging Server: its store on three datasets below tank/store, the queue of its MTA on a fourth that does not go back, installers below
# /srv/installers, mail that comes in and users who work with it. What the servers acknowledged stands in /root/record.
# Needs: pool.sh.
MSG=/opt/sun/comms/messaging64
VAR=/var/opt/sun/comms/messaging64
RECORD=/root/record

# standin WORD...: the stand-in's program: tools that are no part of an installation.
standin() { /case/messaging/messaging_server "$@"; }

messaging_version() { "$MSG/bin/imsimta" version; }

# What only a person can answer, before an upgrade and before a downgrade.
UP=(--accept tested --accept backup)
DOWN=(--accept last-resort --accept watchdog-off)

# installers: a distribution of each version.
installers() {
  local version
  for version in 7.0.5.28.0 7.0.5.31.0 8.0.1 8.0.2; do standin mkinstaller "/srv/installers/$version" "$version"; done
}

# store_datasets: a dataset for the store, and below it one each for mailbox list, indexes and messages, as the vendor recommends.
store_datasets() {
  local dataset
  zfs create -p -o "mountpoint=$VAR/data/store" -o atime=off tank/store
  for dataset in mboxlist index messages; do zfs create "tank/store/$dataset"; done
}

# messaging_on_zfs VERSION: that version, installed, configured, started.
messaging_on_zfs() {
  store_datasets
  zfs create -o "mountpoint=$VAR/data/queue" tank/queue
  messaging_installed "$1"
}

# messaging_installed VERSION: on whatever the folders lie on.
messaging_installed() {
  installers
  "/srv/installers/$1/commpkg" install --silent NONE
  "$MSG/bin/configure"
  "$MSG/bin/start-msg"
}

# mail COUNT NAME [OPTION...]: so many messages come in; all of them must be accepted.
mail() {
  local count=$1 name=$2
  shift 2
  [ "$(standin deliver --home "$MSG" --record "$RECORD" --users ann,ben,cleo --count "$count" --name "$name" "$@")" = "$count accepted" ]
}

# users COUNT: they read, flag, move and delete so many of their messages.
users() { standin imap --home "$MSG" --record "$RECORD" --count "$1"; }

# drained: everything that came in is in a mailbox.
drained() {
  for _ in $(seq 600); do
    [ -n "$(find "$VAR/data/queue" -name '*.msg')" ] || return 0
    sleep 0.2
  done
  echo "mail stays in the queue" >&2
  return 1
}

# audit: what was acknowledged is in queue or store exactly once, as users left it; what they deleted is gone.
audit() { standin audit --home "$MSG" --record "$RECORD"; }

# record_back_to FILE [asked]: after an undo, what counts is what was acknowledged when FILE was copied from the record. Mail that was handed in later may
# have come into the store before it was closed, or not. `asked`: users worked on meanwhile, so what they asked for may have been done before it, too.
record_back_to() {
  { cat "$1"; tail -n "+$(($(wc -l <"$1") + 1))" "$RECORD" | grep -E "\"(offered${2:+|$2})\"" || true; } >/root/record.new
  mv /root/record.new "$RECORD"
}

# mail_meanwhile [MS]: a program on the host goes on handing in mail, a message every second or so many milliseconds, until mail_ends. What is refused while no version is installed, it
# does not send again.
mail_meanwhile() {
  # The program itself, not a function: it is to be ended by its own id.
  /case/messaging/messaging_server deliver --home "$MSG" --record "$RECORD" --users ann,ben,cleo --count 100000 --every "${1:-1000}" --name "meanwhile-$RANDOM" --local >/dev/null &
  MAILER=$!
}

mail_ends() {
  local before=$1 now
  kill "$MAILER"
  wait "$MAILER" || true
  now=$(grep -c '"accepted"' "$RECORD")
  echo "$((now - before)) messages were accepted meanwhile"
  # Mail that nobody accepted proves nothing.
  [ "$now" -gt "$before" ]
}

accepted() { grep -c '"accepted"' "$RECORD"; }

# messaging_site_of PLAYBOOK LINE [VARIABLE...]: the site file, for an upgrade to $TO.
messaging_site_of() {
  local playbook=$1 line=$2
  shift 2
  mkdir -p /etc/backout
  chmod 755 /etc/backout
  printf '%s\n' "playbook = \"$playbook\"" "$line" "upgrade_to = \"${TO:-8.0.2}\"" '[variables]' 'installers = "/srv/installers"' "$@" >/etc/backout/site.toml
  chmod 644 /etc/backout/site.toml
}
messaging_site() { messaging_site_of messaging-server 'datasets = ["tank/store"]' "$@"; }

# messaging_without_zfs: 7.0.5.31.0 on a host without ZFS, with mail that users have worked with, and the site file for a way back by a backup of everything.
messaging_without_zfs() {
  messaging_installed 7.0.5.31.0
  mail 40 before
  drained
  users 30
  audit
  messaging_site_of messaging-server 'rollback = "none"'
}
