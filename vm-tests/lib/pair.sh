# shellcheck shell=bash
# Two guests at once, node1 and node2: a disk each over one that both start from, a network between them, and one more disk that both see.
# Needs: say.sh, machine.sh, vm.sh.

# run_pair NAME OUT FROM LIMIT: runs OUT/folder in both. OUT gets what vm_run leaves of node1, OUT/node2 the same of node2.
# Returns 0 if and only if both wrote their PASS.
run_pair() {
  local name=$1 out=$2 from=$3 limit=$4 net node dir first nodes=() status=0 wire=''
  # A path of a socket must be short.
  net=$(mktemp -d -t backout-vm-net.XXXXXX)
  truncate -s 2G "$out/shared.raw"
  if [ "$MACHINE" = uml ]; then
    setpriv --pdeathsig KILL "$VM_TESTS/lib/wire" "$net/wire" </dev/null 2>"$out/wire.log" &
    wire=$!
    for _ in $(seq 100); do [ -S "$net/wire" ] && break; sleep 0.05; done
  fi
  for node in 1 2; do
    dir=$out
    [ "$node" = 1 ] || dir=$out/node2
    vm_run --name "$name" --folder "$out/folder" --out "$dir" --limit "$limit" --from "$from" --append "backout.node=$node" \
      --pair "$net" "$node" "$out/shared.raw" &
    nodes+=($!)
  done
  wait -n -p first "${nodes[@]}" || status=$?
  # node2 ends when node1 says so, and node1 waits for nothing once it has: a guest that is left over is left alone.
  for node in "${nodes[@]}"; do
    [ "$node" != "$first" ] || continue
    for _ in $(seq 180); do kill -0 "$node" 2>/dev/null || break; sleep 1; done
    if kill -0 "$node" 2>/dev/null; then
      say "$name: the other guest did not end"
      end_children "$node"
    fi
    wait "$node" || status=$?
  done
  [ -z "$wire" ] || kill "$wire" 2>/dev/null || true
  rm -rf "$net" "$out/shared.raw"
  return "$status"
}
