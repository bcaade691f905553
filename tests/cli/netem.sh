#!/bin/sh
# Runs a coordinator and workers on hosts of their own, which are network namespaces: each site has a link of 80 ms there
# and back, 1 % loss each way and 20 Mbit/s to the coordinator, which has the address 10.77.N.1 on the N-th of them.
# usage: netem.sh WEFT RUN_FILE OUT PKI PORT SITE_FILE...
# Exit code 77: this machine cannot; the last line of the output says why.
set -eu
cannot() { echo "$*"; exit 77; }

if [ "$1" != inside ]; then
  for tool in ip tc unshare; do command -v "$tool" > /dev/null || cannot "there is no $tool (iproute2, util-linux)"; done
  hosts="unshare --user --map-root-user --net --mount --pid --fork --kill-child"
  $hosts true || cannot "network namespaces are not permitted here"
  exec $hosts sh "$0" inside "$@"
fi
shift
weft=$1 run_file=$2 out=$3 pki=$4 port=$5
shift 5

slow="netem delay 40ms loss 1% rate 20mbit"
mount -t tmpfs tmpfs /run
mkdir /run/netns
number=0
for site in "$@"; do
  number=$((number + 1))
  ip netns add "host$number"
  ip link add "c$number" type veth peer name "s$number"
  ip link set "s$number" netns "host$number"
  ip addr add "10.77.$number.1/24" dev "c$number"
  ip link set "c$number" up
  ip -n "host$number" addr add "10.77.$number.2/24" dev "s$number"
  ip -n "host$number" link set "s$number" up
  tc qdisc add dev "c$number" root $slow || cannot "this kernel has no netem"
  tc -n "host$number" qdisc add dev "s$number" root $slow
done

timeout 300 "$weft" coordinator "$run_file" --out "$out" --pki "$pki" --json --set "network.listen=tcp://0.0.0.0:$port" &
pids=$!
number=0
for site in "$@"; do
  number=$((number + 1))
  ip netns exec "host$number" timeout 300 "$weft" worker "$site" &
  pids="$pids $!"
done
worst=0
for pid in $pids; do wait "$pid" || worst=1; done
exit $worst
