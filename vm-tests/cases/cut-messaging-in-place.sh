#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in): the power fails at every checkpoint of a downgrade that rolls back in place, and what was not flushed is lost; then it is resumed
# STRATEGY: a disk that forgets what was not flushed; in the end the record of what the servers acknowledged against queue and store
# stage: messaging-upgraded
# uses: backout messaging
# cuts: *:done
# story: Messaging Server (stand-in), downgrade in place
# faults: yes
# when: all
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
. /case/guest/cut.sh
messaging_cut_down --in-place
