#!/usr/bin/env bash
# Measurements. `./dev bench` runs all of them, `./dev bench NAME` one. Figures go into docs/benchmarks.md by hand, with the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."

configure() { cmake --preset "$1" "${@:3}" -B "build/$2" >/dev/null; }

net() {
  configure release bench-release -DVSF_TESTS=ON -DVSF_BIN_DIR="$PWD/build/bench-release/bin"
  ninja -C build/bench-release vsf_bench_net
  build/bench-release/bin/vsf_bench_net
}

# Index of Soulseek shares; a listing of real folders: `./dev bench soulseek-shares --scan FOLDER`.
soulseek_shares() {
  configure release bench-release -DVSF_TESTS=ON -DVSF_BIN_DIR="$PWD/build/bench-release/bin"
  ninja -C build/bench-release vsf_bench_soulseek_share
  build/bench-release/bin/vsf_bench_soulseek_share "$@"
}

# A node among Soulseek users, real processes; one part: `./dev bench soulseek load`, smaller: `--files 100000 give`.
soulseek() {
  configure release bench-release -DVSF_TESTS=ON -DVSF_BIN_DIR="$PWD/build/bench-release/bin"
  ninja -C build/bench-release vsfd vsf-analyzer vsf-soulseek-server vsf_bench_soulseek_peers
  local bin=build/bench-release/bin
  /usr/bin/python3 tests/bench/soulseek_bench.py --bin "$bin" --server "$bin" --peers "$bin/vsf_bench_soulseek_peers" "$@"
}

first_light() {
  ninja -C build/release vsf-sim
  build/bin/vsf-sim run first-light --nodes 200 --seed 7
}

# Side by side with libtorrent in one run; rounds and size: `./dev bench swarm --rounds 3 --mib 256`.
swarm() {
  cmake --preset release >/dev/null
  ninja -C build/release vsfd vsf vsf-analyzer
  /usr/bin/python3 tests/bench/swarm_bench.py --bin build/bin "$@"
}

# The same seed must give the same trace under g++ debug, g++ release and clang.
trace() {
  local hashes=() preset hash
  for preset in dev release clang; do
    configure "$preset" "trace-$preset" -DVSF_TESTS=OFF -DVSF_BIN_DIR="$PWD/build/trace-$preset/bin"
    ninja -C "build/trace-$preset" vsf-sim
    hash=$("build/trace-$preset/bin/vsf-sim" run first-light --nodes "${NODES:-200}" --seed 7 | sed -n 's/.*"trace_hash": "\(.*\)".*/\1/p')
    echo "$preset $hash"
    hashes+=("$hash")
  done
  [ "${hashes[0]}" = "${hashes[1]}" ] && [ "${hashes[1]}" = "${hashes[2]}" ] || { echo "the traces differ"; return 1; }
}

if [ $# -gt 0 ]; then
  name=${1//-/_}
  shift
  "$name" "$@"
else
  net
  soulseek_shares
  soulseek
  swarm
  first_light
  trace
fi
