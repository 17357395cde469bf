#!/usr/bin/env python3
"""Our swarm and libtorrent's, side by side in one run: 1 GiB over loopback from tmpfs to tmpfs, 1 and 4 seeds.

Each round runs every case once, so that a noisy machine hurts all alike; medians are compared. Processor time is the
kernel's (/proc/PID/stat) for both ends together, from the start of a download until its last byte is verified; what a
node does afterwards (content check, whole-file SHA-256) is shown apart. Memory is the leech's peak (VmHWM).
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from big_wav import write_big_wav  # noqa: E402
from mesh import Mesh, published, sha256_of, wait_for  # noqa: E402

RECORDING = "ef506871-1192-4a1d-b3d7-8458f67fc295"
TICKS = os.sysconf("SC_CLK_TCK")
TUNED = {"max_out_request_queue": 2000, "send_buffer_watermark": 8 << 20, "send_buffer_low_watermark": 1 << 20,
         "send_buffer_watermark_factor": 200, "recv_socket_buffer_size": 4 << 20, "send_socket_buffer_size": 4 << 20,
         "aio_threads": 2, "hashing_threads": 1}


def cpu_s(pid):
    """User and system time of a process and all its threads, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def reset_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


# ---- libtorrent: each end a process of its own

def lt_settings(port, encryption, extra):
    import libtorrent as lt
    plain = encryption == "plain"
    return {"listen_interfaces": f"127.0.0.1:{port}", "enable_dht": False, "enable_lsd": False, "enable_upnp": False,
            "enable_natpmp": False, "allow_multiple_connections_per_ip": True, "enable_outgoing_utp": False,
            "enable_incoming_utp": False, "in_enc_policy": 2 if plain else 0, "out_enc_policy": 2 if plain else 0,
            "allowed_enc_level": 3 if plain else 2, "alert_mask": lt.alert.category_t.error_notification, **extra}


def lt_seed(a):
    import libtorrent as lt
    session = lt.session(lt_settings(a["port"], a["encryption"], a["extra"]))
    session.add_torrent({"ti": lt.torrent_info(a["torrent"]), "save_path": a["folder"], "flags": lt.torrent_flags.seed_mode})
    print("ready", flush=True)
    sys.stdin.readline()
    os._exit(0)


def lt_leech(a):
    import libtorrent as lt
    session = lt.session(lt_settings(a["port"], a["encryption"], a["extra"]))
    print("ready", flush=True)
    sys.stdin.readline()
    handle = session.add_torrent({"ti": lt.torrent_info(a["torrent"]), "save_path": a["folder"]})
    for port in a["peers"]:
        handle.connect_peer(("127.0.0.1", port))
    while not handle.status().is_seeding:
        time.sleep(0.005)
    print("done", flush=True)
    sys.stdin.readline()
    os._exit(0)


class Libtorrent:
    def __init__(self, folder, file):
        import libtorrent as lt
        self.folder, self.file = folder, file
        storage = lt.file_storage()
        lt.add_files(storage, str(file))
        made = lt.create_torrent(storage, 1 << 20, lt.create_torrent_flags_t.v2_only)
        lt.set_piece_hashes(made, str(file.parent))
        self.torrent = folder / "file.torrent"
        self.torrent.write_bytes(lt.bencode(made.generate()))
        self.next_port = 7000 + os.getpid() % 1000

    def child(self, role, arguments):
        return subprocess.Popen([sys.executable, __file__, "--role", role, json.dumps(arguments)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)

    def run(self, seeds, encryption, extra):
        to = self.folder / "lt"
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir()
        common = {"encryption": encryption, "extra": extra, "torrent": str(self.torrent)}
        ports = [self.next_port + i for i in range(seeds + 1)]
        self.next_port += seeds + 1
        children = [self.child("seed", {**common, "port": p, "folder": str(self.file.parent)}) for p in ports[:-1]]
        leech = self.child("leech", {**common, "port": ports[-1], "folder": str(to), "peers": ports[:-1]})
        everyone = [*children, leech]
        for c in everyone:
            c.stdout.readline()
        before = [cpu_s(c.pid) for c in everyone]
        started = time.monotonic()
        leech.stdin.write("\n")
        leech.stdin.flush()
        leech.stdout.readline()
        seconds = time.monotonic() - started
        spent = [cpu_s(c.pid) - b for c, b in zip(everyone, before)]
        peak = peak_mib(leech.pid)
        for c in everyone:
            c.communicate("\n")
        shutil.rmtree(to)
        return {"s": seconds, "leech_cpu_s": spent[-1], "seed_cpu_s": sum(spent[:-1]), "leech_peak_mib": peak}


# ---- Ours

class Ours:
    """Seeds that serve the file and one leech; all live through all rounds."""

    def __init__(self, bin_dir, folder, file, seeds):
        self.file = file
        self.mesh = Mesh(bin_dir, folder, seed=1)
        for i in range(seeds):
            library = folder / f"library-{i}"
            library.mkdir(parents=True)
            os.link(file, library / file.name)
            self.mesh.add(f"seed-{i}", library=[library], extra={"log": {"level": "info"}}).start()
        self.leech = self.mesh.add("leech", extra={"log": {"level": "info"}}).start()
        for node in self.mesh.nodes:
            node.wait_until_up()
        for node in self.mesh.nodes[:-1]:
            wait_for(f"{node.name} has published", lambda n=node: published(n, 1), 180)
        self.run(check=sha256_of(file))  # opens sessions, builds trees; not measured

    def run(self, check=None):
        pids = [n.process.pid for n in self.mesh.nodes]
        reset_peak(self.leech.process.pid)
        before = [cpu_s(p) for p in pids]
        started = time.monotonic()
        transfer = self.leech.download(RECORDING)["id"]
        while True:
            status = self.leech.transfer(transfer)
            if status["state"] not in ("queued", "resolving", "connecting", "transferring"):
                break
            time.sleep(0.02)
        seconds = time.monotonic() - started
        spent = [cpu_s(p) - b for p, b in zip(pids, before)]
        peak = peak_mib(pids[-1])
        status = self.leech.wait_for_download(transfer, 120)
        if status["state"] != "done":
            raise SystemExit(f"the download failed: {status}")
        finished = time.monotonic() - started
        wait_for("the SHA-256 is known", lambda: self.leech.transfer(transfer).get("sha256"), 60)
        later = [cpu_s(p) - b for p, b in zip(pids, before)]
        if check and sha256_of(status["path"]) != check:
            raise SystemExit("the downloaded file is not the seeds' file")
        os.unlink(status["path"])
        self.leech.request("DELETE", f"/api/v1/downloads/{transfer}")
        return {"s": seconds, "leech_cpu_s": spent[-1], "seed_cpu_s": sum(spent[:-1]), "leech_peak_mib": peak,
                "finished_s": finished, "cpu_to_end_s": sum(later)}

    def end(self):
        for node in self.mesh.nodes:
            node.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--folder", default="/dev/shm", help="a tmpfs")
    parser.add_argument("--only", help="cases whose name matches this regular expression")
    parser.add_argument("--json", help="file for all figures")
    parser.add_argument("--role", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.role:
        {"seed": lt_seed, "leech": lt_leech}[args.role[0]](json.loads(args.role[1]))
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-bench-", dir=args.folder))
    ours = {}
    try:
        source = folder / "source"
        source.mkdir()
        file = source / "big.wav"
        size = args.mib << 20
        write_big_wav(file, size, RECORDING, 1)
        cases = {}

        def case(name, run):
            if not args.only or re.search(args.only, name):
                cases[name] = run
        for seeds in (1, 4):
            def run_ours(n=seeds):
                if n not in ours:
                    ours[n] = Ours(args.bin, folder / f"ours-{n}", file, n)
                return ours[n].run()
            case(f"ours, {seeds} seeds", run_ours)
        if not args.only or re.search("libtorrent", args.only):
            theirs = Libtorrent(folder, file)
            for seeds in (1, 4):
                case(f"libtorrent plain stock, {seeds} seeds", lambda n=seeds: theirs.run(n, "plain", {}))
                case(f"libtorrent plain tuned, {seeds} seeds", lambda n=seeds: theirs.run(n, "plain", TUNED))
                case(f"libtorrent RC4 stock, {seeds} seeds", lambda n=seeds: theirs.run(n, "rc4", {}))
                case(f"libtorrent RC4 tuned, {seeds} seeds", lambda n=seeds: theirs.run(n, "rc4", TUNED))
        results = {name: [] for name in cases}
        for number in range(args.rounds):
            for name, run in cases.items():
                got = run()
                results[name].append(got)
                print(f"round {number + 1} {name:34s} {size / 1e6 / got['s']:6.0f} MB/s  CPU s/GB leech "
                      f"{got['leech_cpu_s'] * 1e9 / size:.2f} seeds {got['seed_cpu_s'] * 1e9 / size:.2f}  "
                      f"peak {got['leech_peak_mib']:.0f} MiB" +
                      (f"  finished after {got['finished_s']:.2f} s, CPU to the end {got['cpu_to_end_s'] * 1e9 / size:.2f}"
                       if "finished_s" in got else ""), flush=True)
        summary = {}
        for name, runs in results.items():
            summary[name] = {"mb_per_s": statistics.median(size / 1e6 / r["s"] for r in runs),
                             "cpu_s_per_gb": statistics.median((r["leech_cpu_s"] + r["seed_cpu_s"]) * 1e9 / size for r in runs),
                             "leech_peak_mib": max(r["leech_peak_mib"] for r in runs)}
            print(f"median {name:34s} {summary[name]['mb_per_s']:6.0f} MB/s  {summary[name]['cpu_s_per_gb']:.2f} CPU s/GB  "
                  f"peak {summary[name]['leech_peak_mib']:.0f} MiB")
        for seeds in (1, 4):
            mine = summary.get(f"ours, {seeds} seeds")
            for other in ("plain tuned", "RC4 stock", "RC4 tuned"):
                their = summary.get(f"libtorrent {other}, {seeds} seeds")
                if mine and their:
                    print(f"ratio to libtorrent {other}, {seeds} seeds: {mine['mb_per_s'] / their['mb_per_s']:.2f}")
        if args.json:
            pathlib.Path(args.json).write_text(json.dumps({"bytes": size, "runs": results, "medians": summary}, indent=1))
    finally:
        for one in ours.values():
            one.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
