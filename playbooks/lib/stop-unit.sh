#!/bin/sh
# stop-unit UNIT...: stops systemd units, transient ones too. Succeeds when they are not there. A
# unit that does not stop is a failure.
set -u
for unit in "$@"; do
    systemctl stop -- "$unit" && continue
    state=$(systemctl show --property=LoadState,ActiveState -- "$unit") || exit 1
    case $state in
        *LoadState=not-found* | *ActiveState=inactive* | *ActiveState=failed*) ;;
        *)
            echo "$unit could not be stopped: $state" >&2
            exit 1
            ;;
    esac
done
