#!/usr/bin/env python3
"""Reads the includes of the tree and checks the order of dependence between its rooms (CONTRIBUTING.md).

Exit 0: kept. Exit 1: each breach on a line of its own. `--self-test` plants breaches and expects to find them.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# What each room may include of the project.
ROOMS = {
    "messages": {"messages"},
    "storage": {"messages", "storage"},
    "net": {"messages", "net"},
    "config": {"messages", "config"},
    "actors": {"messages", "storage", "net", "config", "actors"},
    "gateway": {"messages", "storage", "net", "config", "actors", "gateway"},
    "sim": {"messages", "storage", "net", "config", "actors", "sim"},
}
HEAVY = re.compile(r"^(caf|boost|rocksdb|spdlog)/")
PURE_FORBIDDEN = re.compile(r"^(caf|boost|rocksdb|spdlog)/|^(thread|mutex|condition_variable|future|random|unordered_map|unordered_set)$")
CLOCK = re.compile(r"(system_clock|steady_clock|high_resolution_clock)::now|std::rand\b|\bsleep_for\b")


def may_use_caf(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return path == "actors/interfaces.hpp" or re.search(r"_actor\.(hpp|cpp)$", name) is not None


def breaches(path: str, text: str):
    room = path.split("/", 1)[0]
    if room not in ROOMS:
        return
    is_main = path.endswith("main.cpp")
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        if room == "actors" and not may_use_caf(path) and not is_main and CLOCK.search(line):
            yield f"{where}: pure logic reads a clock; take `now` as an argument"
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(2)
        if match.group(1) == '"':
            other = target.split("/", 1)[0]
            if other in ROOMS and other not in ROOMS[room] and not is_main:
                yield f"{where}: {room}/ must not include {other}/"
            continue
        if room in ("messages", "config") and HEAVY.match(target):
            yield f"{where}: {room}/ must not include <{target}>"
        if room in ("net", "storage") and target.startswith("caf/"):
            yield f"{where}: {room}/ knows no CAF; report through a callback"
        if room == "actors" and not may_use_caf(path) and not is_main and PURE_FORBIDDEN.match(target):
            yield f"{where}: pure logic must not include <{target}>"
        if room == "actors" and re.match(r"^(boost/asio|boost/beast|rocksdb|spdlog)/", target) and not is_main:
            yield f"{where}: actors/ must not include <{target}>"


def self_test() -> int:
    planted = {
        "actors/dht/lookup.cpp": "#include <caf/all.hpp>\n",
        "net/asio/link.cpp": "#include <caf/send.hpp>\n",
        "storage/rocks.cpp": '#include "actors/dht/lookup.hpp"\n',
        "actors/swarm/plan.cpp": "auto t = std::chrono::steady_clock::now();\n",
        "actors/swarm/x_actor.cpp": "#include <boost/asio/ip/tcp.hpp>\n",
        "messages/x.cpp": '#include "net/network.hpp"\n',
    }
    missed = [p for p, text in planted.items() if not list(breaches(p, text))]
    clean = list(breaches("actors/dht/dht_actor.cpp", '#include <caf/all.hpp>\n#include "messages/types.hpp"\n'))
    for p in missed:
        print(f"self-test: a planted breach in {p} was not found")
    for b in clean:
        print(f"self-test: accused though right: {b}")
    return 1 if missed or clean else 0


def main() -> int:
    if "--self-test" in sys.argv:
        return self_test()
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.hpp", "*.cpp"], cwd=ROOT, text=True, capture_output=True, check=True)
    found = []
    for path in files.stdout.split():
        if (ROOT / path).exists():
            found += breaches(path, (ROOT / path).read_text(encoding="utf-8"))
    print("\n".join(found) if found else "include rules kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
