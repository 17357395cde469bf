#!/usr/bin/env python3
"""Measures a node as a Soulseek client: real processes on loopback, `./dev bench soulseek [PART...]`.

Parts: upload, give, receive, load, process. Memory is the kernel's account of the node's process (VmRSS, VmHWM).
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path[:0] = [str(SUPPORT), str(SUPPORT / "soulseek_server")]
from mesh import Failure, Node, free_port, wait_for  # noqa: E402
from soulseek_client import Server  # noqa: E402

API = "/api/v1/soulseek"
MIB = 1 << 20


def memory_mib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise Failure(f"no {field} of {pid}")


class Peak:
    """The most memory of a process from now on; its peak so far is forgotten."""

    def __init__(self, pid):
        self.pid = pid
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
        self.before = memory_mib(pid, "VmRSS")

    def more(self):
        return memory_mib(self.pid, "VmHWM") - self.before


def make_tree(folder, files, size=0):
    """`files` files, 12 to an album and 10 albums an artist, of words as frequent as Zipf says."""
    dice = random.Random(7)
    words = ["".join(dice.choice("bcdfghklmnprstvw") + dice.choice("aeiou") for _ in range(dice.randint(1, 4))).title()
             for _ in range(60_000)]

    def title(most):
        return " ".join(words[int(len(words) ** dice.random()) - 1] for _ in range(dice.randint(1, most)))

    for i in range(0, files, 12):
        if i % 120 == 0:
            artist = f"{title(2)} {i // 120}"
        album = folder / artist / f"{dice.randint(1960, 2026)} - {title(4)} {i // 12}"
        album.mkdir(parents=True)
        for k in range(min(12, files - i)):
            with open(album / f"{k + 1:02d} - {title(4)} Shared Track {i + k}.mp3", "wb") as file:
                file.truncate(size)
    return folder


class Bench:
    def __init__(self, arguments):
        self.bin = pathlib.Path(arguments.bin)
        self.peers = pathlib.Path(arguments.peers)
        self.many = arguments.files
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-bench-", dir=base))
        self.server = Server(arguments.server, "--quiet", "--most-users", "2000")
        self.nodes = []
        self.processes = []

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()
        for node in self.nodes:
            node.kill()
        self.server.stop()
        shutil.rmtree(self.folder)

    def node(self, music, files, **transfers):
        name = f"node{len(self.nodes) + 1}"
        self.port = free_port()
        node = Node(self.bin, self.folder, name, "bench/0", library=[music] if music else [], extra={
            "mesh": {"enabled": False}, "network": {"port_mapping": "off"}, "log": {"level": "warning"},
            "library": {"watch": False}, "transfers": transfers,
            "soulseek": {"enabled": True, "server": f"127.0.0.1:{self.server.port}", "username": name,
                         "password": "secret", "listen": f"127.0.0.1:{self.port}", "upload_slots": 100}})
        self.nodes.append(node)
        node.start()

        def online():
            try:
                status = node.get(API)
            except (OSError, Failure):
                return False
            return status["state"] == "online" and status["shared_files"] >= files

        wait_for(f"{name} shares {files} files", online, 300)
        return node

    def peer(self, node, mode, *words):
        """The other users; their line of figures, or the process for those that go on."""
        command = [self.peers, mode, self.server.port, node.name, self.port, *words]
        process = subprocess.Popen([str(w) for w in command], stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        if process.stdout.readline().strip() != "ready":
            raise Failure(f"{command} did not begin")
        return process

    @staticmethod
    def figures(process, timeout_s=300):
        out, _ = process.communicate(timeout=timeout_s)
        return json.loads(out.splitlines()[-1])

    def upload(self):
        """(3) one stream"""
        music = self.folder / "one"
        size = 1024 * MIB
        music.mkdir()
        with open(music / "Shared Track.flac", "wb") as file:
            for _ in range(size // (64 * MIB)):
                file.write(os.urandom(64 * MIB))
        node = self.node(music, 1)
        rates, waits = [], []
        for _ in range(3):
            said = self.figures(self.peer(node, "upload", "one\\Shared Track.flac", size))
            rates.append(said["received_bytes"] / MIB / (said["seconds"] - said["waited"]))
            waits.append(said["waited"])
        node.stop()
        print(f"upload, one stream of 1 GiB: {', '.join(f'{r:.0f}' for r in rates)} MiB/s (wanted 450), "
              f"best {max(rates):.0f}; the first byte after {', '.join(f'{w:.2f}' for w in waits)} s")

    def give(self):
        """(4) the node gives its list"""
        node = self.node(make_tree(self.folder / "many", self.many), self.many)
        pid = node.process.pid
        rss = memory_mib(pid, "VmRSS")
        print(f"a node that shares {self.many} files: {rss:.1f} MiB resident, {memory_mib(pid, 'VmHWM'):.1f} at most")
        for askers in (1, 8):
            peak = Peak(pid)
            said = self.figures(self.peer(node, "browse", askers))
            print(f"  browsed by {askers} at once: {said['list_bytes'] / MIB:.1f} MiB of list in {said['seconds']:.2f} s, "
                  f"{peak.more():.1f} MiB more (wanted < 64)")
        node.stop()

    def receive(self):
        """(4) the node gets such a list"""
        node = self.node(None, 0)
        sharer = self.peer(node, "shares", self.many)
        peak = Peak(node.process.pid)
        began = time.monotonic()
        shares = node.request("GET", f"{API}/users/sharer/shares?offset=0&limit=100", timeout_s=120)
        seconds = time.monotonic() - began
        print(f"a list of {shares['files_total']} files received in {seconds:.2f} s: {peak.more():.1f} MiB more "
              f"(wanted < 64; {peak.before:.1f} MiB before)")
        sharer.kill()
        sharer.communicate()
        node.stop()

    def load(self):
        """(5) everything at once"""
        searches, downloads, uploads, idle, size = 128, 512, 256, 128, 4 * MIB
        music = make_tree(self.folder / "load", uploads, size)
        listed = self.folder / "list"
        listed.write_text("".join(str(p.relative_to(self.folder)).replace("/", "\\") + "\n"
                                  for p in sorted(music.rglob("*.mp3"))))
        node = self.node(music, uploads, active_downloads=256)
        peak = Peak(node.process.pid)
        peers = self.peer(node, "load", searches, downloads, uploads, idle, size, listed)
        began = time.monotonic()

        def ask(first, last):
            for i in range(first, last):
                user = searches + i
                node.request("POST", f"{API}/downloads", {"user": f"p{user}", "path": f"p{user}\\file {i}.mp3", "size": size},
                             timeout_s=60)

        ask(0, downloads)
        said = self.figures(peers)

        def ended():
            rows = node.request("GET", f"{API}/downloads?limit=1000", timeout_s=60)["transfers"]
            return sum(1 for r in rows if r["state"] == "completed") == downloads or time.monotonic() - began > 260

        wait_for("the downloads end", ended, 300)
        rows = node.request("GET", f"{API}/downloads?limit=1000", timeout_s=60)["transfers"]
        states = {}
        for row in rows:
            key = (row["state"], row.get("reason", ""))
            states[key] = states.get(key, 0) + 1
        seconds = time.monotonic() - began
        print(f"load of 1,024 peers: {said['answers']}/{searches} searches answered, {states} of {downloads} downloads, "
              f"{said['uploads']}/{uploads} uploads, {said['infos']}/{idle} others answered in {seconds:.1f} s; "
              f"peak {memory_mib(node.process.pid, 'VmHWM'):.1f} MiB resident ({peak.before:.1f} before)\n  {said}")
        report = node.report("soulseek")
        if report:
            print("  ", {c["name"]: c["value"] for c in report["counters"] if c["value"]})
        node.stop()

    def process(self):
        """(6) a whole node"""
        node = self.node(make_tree(self.folder / "hundred", 100_000), 100_000)
        pid = node.process.pid
        time_s = 30  # of the analyzer's looking into the first of them
        threading.Event().wait(time_s)
        print(f"a whole node that shares 100,000 files: {memory_mib(pid, 'VmRSS'):.1f} MiB resident (wanted 60), "
              f"{memory_mib(pid, 'VmHWM'):.1f} at most")
        node.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="folder of vsfd")
    parser.add_argument("--server", required=True, help="folder of vsf-soulseek-server")
    parser.add_argument("--peers", required=True, help="vsf_bench_soulseek_peers")
    parser.add_argument("--files", type=int, default=1_000_000, help="of give and receive")
    parser.add_argument("part", nargs="*", default=["upload", "give", "receive", "load", "process"])
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = Bench(given)
    try:
        for part in given.part:
            getattr(bench, part)()
    finally:
        bench.end()
