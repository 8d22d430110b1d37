# shellcheck shell=bash
# Two nodes of a cluster, the data on a pool that both see: up and down again, killed on the way, and the cluster serves on either node after each way.
# Needs: story.sh, pair.sh, story-cluster-PRODUCT.sh, of which it asks:
#   PRODUCT_cluster_made             the cluster serves the old version on node1, and both nodes have a site file
#   PRODUCT_cluster_refuses          what is refused before an upgrade, beside `Out of order`
#   PRODUCT_cluster_halfway VERB     what is true, and what clients do, when node1 is through and waits for node2
#   PRODUCT_cluster_killed POINT     what happens to a cluster while nothing of the tool runs
#   PRODUCT_cluster_idle NODE        nothing may serve on the other node meanwhile
#   PRODUCT_cluster_serves NODE VERSION
#   PRODUCT_cluster_is_up            what else is true after an upgrade; what clients do then
#   PRODUCT_cluster_move NODE        the cluster takes it there, and it serves
#   PRODUCT_cluster_there VERB       what is true, and what clients do, on node2 after an upgrade, after a downgrade
#   PRODUCT_cluster_came_back        what clients do when it is on node1 again after an upgrade
#   PRODUCT_cluster_same VERB        the data is as it was before the upgrade, or as clients left it before the downgrade
#   PRODUCT_cluster_left_alone       it never interfered
#   PRODUCT_cluster_committed

# alone: both nodes share the installations, and what node1 does is all.
alone() { [ "$STRATEGY" = side-by-side ]; }

# story_cluster up|down [POINT...] [node2 [POINT...]] [again [POINT...]]...: where the tool is killed, on node1, on node2, and on node1 once more.
story_cluster() {
  local word way='' leg=''
  declare -gA KILLS=()
  KILLED=0
  for word in "$@"; do
    case $word in
      up | down) way=$word leg=node1 ;;
      node2 | again) leg=$word ;;
      *) KILLS[$way-$leg]+="$word " ;;
    esac
  done
  pair_begin
  echo "== the cluster serves the old version"
  "${PRODUCT}_cluster_made"
  echo "== refused before the upgrade"
  "${PRODUCT}_cluster_refuses"
  backout check
  if alone; then
    refused 2 'There is nothing to do on node2' upgrade "${UP[@]}"
  else
    refused 2 'Out of order' upgrade
    on_node 2 backout check
  fi

  echo "== up: the node with the data first"
  a_way up upgrade "${UP[@]}"
  "${PRODUCT}_cluster_serves" 1 "$NEW"
  "${PRODUCT}_cluster_is_up"
  "${PRODUCT}_cluster_same" upgrade
  echo "== the other node serves it, too"
  "${PRODUCT}_cluster_move" 2
  "${PRODUCT}_cluster_serves" 2 "$NEW"
  "${PRODUCT}_cluster_there" upgrade
  "${PRODUCT}_cluster_move" 1
  "${PRODUCT}_cluster_came_back"

  echo "== down"
  alone || refused 2 'Out of order' downgrade
  a_way down downgrade "${DOWN[@]}" --keep
  "${PRODUCT}_cluster_serves" 1 "$OLD"
  "${PRODUCT}_cluster_same" downgrade
  fault "kill -9 on a node of a cluster" resumed "$KILLED"
  echo "== the other node serves it, too; then it is accepted"
  "${PRODUCT}_cluster_move" 2
  "${PRODUCT}_cluster_serves" 2 "$OLD"
  "${PRODUCT}_cluster_there" downgrade
  "${PRODUCT}_cluster_move" 1
  "${PRODUCT}_cluster_left_alone"
  fully_proved
  backout commit --yes
  alone || on_node 2 backout commit --yes
  "${PRODUCT}_cluster_committed"
}

# a_way up|down VERB...: on node1 until it waits for node2, on node2, and on node1 to its end; killed at all points that the row names.
a_way() {
  local way=$1 verb=$2 point begun=''
  shift
  for point in ${KILLS[$way-node1]:-}; do
    if [ -z "$begun" ]; then crash_at "$point" "$@"; else crash_at_resume "$point"; fi
    begun=yes KILLED=$((KILLED + 1))
    "${PRODUCT}_cluster_killed" "$point"
  done
  if ! alone; then
    if [ -z "$begun" ]; then waits "$verb" "$@" --yes; else waits "$verb" resume; fi
    "${PRODUCT}_cluster_halfway" "$verb"
    begun=''
    for point in ${KILLS[$way-node2]:-}; do
      if [ -z "$begun" ]; then crash_on_2 "$point" "$verb" --yes; else crash_on_2 "$point" resume; fi
      begun=yes KILLED=$((KILLED + 1))
    done
    if [ -z "$begun" ]; then on_node 2 backout "$verb" --yes; else on_node 2 backout resume; fi
    "${PRODUCT}_cluster_idle" 2
    for point in ${KILLS[$way-again]:-}; do
      crash_at_resume "$point"
      KILLED=$((KILLED + 1))
    done
    begun=yes
  fi
  if [ -z "$begun" ]; then backout "$@" --yes; else backout resume; fi
}

# waits VERB ARGS...: `backout ARGS` ends when it is node2's turn, and says so.
waits() {
  local verb=$1
  shift
  expect 6 backout "$@" >/root/said 2>&1 || { cat /root/said; return 1; }
  says "on node2: backout $verb"
}

# crash_on_2 POINT ARGS...: `backout ARGS` on node2 is killed there. ssh has a status of its own for a command that a signal ended.
crash_on_2() { expect_one_of 137 255 on_node 2 backout --crash-at "$1" "${@:2}"; }

says() { grep -F -- "$1" /root/said || { cat /root/said; return 1; }; }

# refused NODE WORDS VERB...
refused() {
  local node=$1 words=$2
  shift 2
  expect 3 on_node "$node" backout "$@" --yes >/root/said 2>&1 || { cat /root/said; return 1; }
  says "$words"
}
