#!/bin/bash
# DESCRIPTION: without a procedure, the way back is refused, or loses what was written
# STRATEGY: on the upgraded guest: 10.11 over the 11.8 data must fail; a bare zfs rollback must lose the new customers
# stage: backout-upgraded
# when: all
# limit: 1200
set -euo pipefail
bash /case/guest/demo-without.sh
