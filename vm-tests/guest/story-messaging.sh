# shellcheck shell=bash disable=SC2034
# Messaging Server (a stand-in), as story.sh asks for it: what it has is compared with the record of what its servers acknowledged. Needs: messaging.sh.
OLD=7.0.5.31.0 NEW=8.0.2
DATASETS=$'tank\ntank/queue\ntank/store\ntank/store/index\ntank/store/mboxlist\ntank/store/messages'
# Nothing starts it at a boot.
UNIT=messaging-server.service

messaging_same() { audit; }
messaging_rests() {
  case $1 in
    keep | in-place | without-zfs) drained ;;
    undo) record_back_to /root/record-upgraded ;;
  esac
}
messaging_begins() {
  "$MSG/bin/start-msg"
  cp "$RECORD" /root/record-upgraded
}
messaging_meanwhile() {
  ACCEPTED=$(accepted)
  mail_meanwhile 5000
}
messaging_meanwhile_ends() { mail_ends "$ACCEPTED"; }
messaging_boots() {
  if backout --json status | grep -qF '"state":"upgraded"'; then "$MSG/bin/start-msg"; fi
}
messaging_cut_within() { :; }
messaging_prepares() { :; }
messaging_is_back() { [ "$STRATEGY" != without-zfs ] || [ -d "$VAR/data/store.upgraded" ]; }
