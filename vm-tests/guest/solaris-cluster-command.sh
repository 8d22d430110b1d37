#!/bin/bash
# scswitch, scrgadm, scha_resource_get, and the probe of the agent; see solaris-cluster.sh
set -euo pipefail
state=/global/sc
here=$(hostname)
value() { cat "$state/$1"; }
# on NODE CMD...
on() {
  local node=$1
  shift
  if [ "$node" = "$here" ]; then "$@"; else ssh -o BatchMode=yes "$node" "$(printf '%q ' "$@")" </dev/null; fi
}
start() { on "$(value owner)" "$(value IMS_serverroot)/bin/start-msg" >/dev/null; }
stop() { on "$(value owner)" "$(value IMS_serverroot)/bin/stop-msg" >/dev/null; }
usage() { echo "$(basename "$0"): not understood: $*" >&2; exit 1; }

case "$(basename "$0") $*" in
  'scswitch -n -j msg-rs')
    echo DISABLED >"$state/switch"
    stop
    ;;
  'scswitch -e -j msg-rs')
    start
    echo ENABLED >"$state/switch"
    ;;
  'scswitch -z -g msg-rg -h '*)
    before=$(value switch)
    # The probe keeps its hands off meanwhile.
    [ "$before" = DISABLED ] || { echo MOVING >"$state/switch"; stop; }
    on "$(value owner)" zpool export tank
    printf '%s\n' "$5" >"$state/owner"
    on "$5" zpool import -d /dev/disk/by-id tank
    [ "$before" = DISABLED ] || start
    echo "$before" >"$state/switch"
    ;;
  'scrgadm -cj msg-rs -x IMS_serverroot='*) printf '%s\n' "${4#*=}" >"$state/IMS_serverroot" ;;
  'scha_resource_get -O ON_OFF_SWITCH -R msg-rs') value switch ;;
  'scha_resource_get -O RESOURCE_STATE_NODE -R msg-rs '*)
    if [ "$(value switch)" = ENABLED ] && [ "$(value owner)" = "$5" ] && on "$5" pgrep -x stored >/dev/null; then echo ONLINE; else echo OFFLINE; fi
    ;;
  'sc-probe ')
    while sleep 1; do
      [ "$(value switch)" = ENABLED ] && [ "$(value owner)" = "$here" ] && ! pgrep -x job_controller >/dev/null || continue
      sleep 5
      # A switch-over stops it, too.
      [ "$(value switch)" = ENABLED ] && [ "$(value owner)" = "$here" ] && ! pgrep -x job_controller >/dev/null || continue
      date >>"$state/restarts"
      "$(value IMS_serverroot)/bin/start-msg" || true
    done
    ;;
  *) usage "$@" ;;
esac
