#!/usr/bin/env python3
"""Real processes on loopback: one file from many sources that die, lie and are replaced; many files at once.

VSF_SEED repeats a run, VSF_SEEDS=N runs the chances N times, VSF_FULL=1 at full size.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from big_wav import write_big_wav  # noqa: E402
from mesh import Failure, Mesh, published, sha256_of, wait_for  # noqa: E402

BIN = None
FULL = os.environ.get("VSF_FULL") == "1"
SEEDS = int(os.environ.get("VSF_SEEDS", "10" if FULL else "1"))
BIG = (300 if FULL else 60) << 20
LEAF = 16 * 1024
# A file that is changed behind the node's back must stay what the node thinks it is.
BLIND = {"library": {"watch": False, "scan_interval_minutes": 0}}


def peak_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise Failure("no VmHWM")


def asleep(pid):
    """Whether every thread has stopped: a signal is not there at once."""
    states = [(task / "stat").read_text().rsplit(")", 1)[1].split()[0] for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return all(state == "T" for state in states)


def spoil(node, path):
    """Flips a bit in every leaf; size and time of change stay. The node sleeps meanwhile: it would notice the time."""
    was = os.stat(path)
    node.process.send_signal(signal.SIGSTOP)
    wait_for(f"{node.name} sleeps", lambda: asleep(node.process.pid), 30)
    with open(path, "r+b") as file:
        for at in range(100, was.st_size, LEAF):
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    node.process.send_signal(signal.SIGCONT)


class Swarm(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def sources(self, mesh, item, count, seconds, prefix="source"):
        """Nodes that serve the file, limited so that together they need so many seconds for it."""
        nodes = []
        for i in range(count):
            library = self.folder / f"library-{prefix}-{i}"
            library.mkdir()
            shutil.copy2(item["path"], library / "song.wav")
            limit = item["size"] // 1024 // seconds // count if seconds else 0
            nodes.append(mesh.add(f"{prefix}-{i}", library=[library], upload_limit_kib=limit, extra=BLIND).start())
        return nodes

    def big_file(self, mesh, size=BIG):
        path = self.folder / "song.wav"
        recording = str(uuid.UUID(int=mesh.random.getrandbits(128), version=4))
        write_big_wav(path, size, recording, mesh.seed)
        return {"path": path, "size": size, "recording": recording, "sha256": sha256_of(path)}

    def ready(self, sources, seeker):
        for node in [*sources, seeker]:
            node.wait_until_up()
        for node in sources:
            wait_for(f"{node.name} has published", lambda n=node: published(n, 1), 180)

    def verified(self, seeker, transfer, share, item, timeout_s=180):
        def reached():
            status = seeker.transfer(transfer)
            if status["state"] in ("done", "failed"):
                raise Failure(f"ended too early: {status}")
            return status["bytes_verified"] >= share * item["size"] and status
        return wait_for(f"{share:.0%} are here", reached, timeout_s)

    def finished(self, seeker, transfer, item, timeout_s=300):
        status = seeker.wait_for_download(transfer, timeout_s)
        self.assertEqual(status["state"], "done", status)
        self.assertEqual(sha256_of(status["path"]), item["sha256"])
        return status

    def test_four_sources_share_the_work(self):
        with Mesh(BIN, self.folder) as mesh:
            item = self.big_file(mesh)
            sources = self.sources(mesh, item, 4, 20)
            seeker = mesh.add("seeker").start()
            self.ready(sources, seeker)
            started = time.monotonic()
            status = self.finished(seeker, seeker.download(item["recording"])["id"], item)
            self.assertGreater(time.monotonic() - started, 15, "the limits did not limit")
            shares = [s["bytes"] / item["size"] for s in status["sources"]]
            # What the sources' own processes count must say the same.
            served = [n.counter("swarm/uploads", "bytes_served") / item["size"] for n in sources]
            print(f"shares {[f'{s:.1%}' for s in sorted(shares)]}, served {[f'{s:.1%}' for s in sorted(served)]}")
            self.assertGreaterEqual(min(served), 0.10)
            self.assertGreaterEqual(min(shares), 0.10)
            self.assertLessEqual(sum(served), 1.01)

    def test_two_die_and_one_lies(self):
        for number in range(SEEDS):
            with self.subTest(run=number), Mesh(BIN, self.folder / str(number)) as mesh:
                mesh.folder.mkdir(exist_ok=True)
                self.two_die_and_one_lies(mesh)
            for leftover in self.folder.iterdir():
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()

    def two_die_and_one_lies(self, mesh):
        item = self.big_file(mesh)
        sources = self.sources(mesh, item, 4, 20)
        seeker = mesh.add("seeker").start()
        self.ready(sources, seeker)
        transfer = seeker.download(item["recording"])["id"]
        order = mesh.random.sample(sources, 4)
        events = sorted([(mesh.random.uniform(0.05, 0.7), "dies", order[0]), (mesh.random.uniform(0.05, 0.7), "dies", order[1]),
                         (mesh.random.uniform(0.05, 0.7), "lies", order[2])], key=lambda e: e[0])
        liar = order[2].get("/api/v1/status")["node"]
        for moment, what, node in events:
            self.verified(seeker, transfer, moment, item)
            if what == "dies":
                node.kill()
            else:
                spoil(node, self.folder / f"library-{node.name}" / "song.wav")
        status = self.finished(seeker, transfer, item)
        banned = [s for s in status["sources"] if s["state"] == "banned"]
        self.assertEqual([s["node"] for s in banned], [liar], status["sources"])
        self.assertGreaterEqual(banned[0]["bad_leaves"], 1)
        wasted = status["bytes_received"] - item["size"]
        print(f"seed {mesh.seed}: wasted {wasted} bytes, {100 * wasted / item['size']:.3f}%; culprit {liar}")
        self.assertLessEqual(wasted, 0.01 * item["size"])
        self.assertEqual(wasted, status["bytes_wasted"])

    def test_downloaders_feed_each_other(self):
        """One source that needs 10 s for a copy, four that want one."""
        with Mesh(BIN, self.folder) as mesh:
            item = self.big_file(mesh, BIG // 2)
            sources = self.sources(mesh, item, 1, 10)
            seekers = [mesh.add(f"seeker-{i}").start() for i in range(4)]
            for seeker in seekers:
                self.ready(sources, seeker)
            started = time.monotonic()
            transfers = [seeker.download(item["recording"])["id"] for seeker in seekers]
            ended = [self.finished(seeker, transfer, item) for seeker, transfer in zip(seekers, transfers)]
            took = time.monotonic() - started
            # What the source says it gave, and what the others say they got from it.
            me = sources[0].get("/api/v1/status")["node"]
            got = sum(s["bytes"] for status in ended for s in status["sources"] if s["node"] == me) / item["size"]
            served = sources[0].counter("swarm/uploads", "bytes_served") / item["size"]
            wasted = sum(status["bytes_wasted"] for status in ended) / item["size"] / 4
            print(f"four copies in {took:.1f} s; the source gave {served:.2f} copies ({got:.2f} arrived), wasted {wasted:.2%}")
            self.assertLess(served, 2.5)
            self.assertGreaterEqual(served, 0.99)
            self.assertLessEqual(abs(served - got), 0.1)
            self.assertLessEqual(wasted, 0.02)

    def test_all_sources_are_replaced_midway(self):
        with Mesh(BIN, self.folder) as mesh:
            item = self.big_file(mesh)
            # Everybody joins through nodes that stay: the first sources will be gone.
            others = [mesh.add(f"other-{i}").start() for i in range(2)]
            old = self.sources(mesh, item, 4, 20)
            seeker = mesh.add("seeker").start()
            for node in others:
                node.wait_until_up()
            self.ready(old, seeker)
            transfer = seeker.download(item["recording"])["id"]
            self.verified(seeker, transfer, mesh.random.uniform(0.2, 0.6), item)
            new = self.sources(mesh, item, 4, 20, "late")
            for node in old:
                node.kill()
            for node in new:
                node.wait_until_up()
            status = self.finished(seeker, transfer, item)
            given = {s["node"] for s in status["sources"] if s["bytes"] > 0}
            fresh = {n.get("/api/v1/status")["node"] for n in new}
            self.assertTrue(given & fresh, "the new sources gave nothing")
            self.assertLessEqual(status["bytes_wasted"], 0.01 * item["size"])

    def test_the_downloader_is_killed_ten_times(self):
        with Mesh(BIN, self.folder) as mesh:
            item = self.big_file(mesh)
            sources = self.sources(mesh, item, 4, 20)
            seeker = mesh.add("seeker").start()
            self.ready(sources, seeker)
            transfer = seeker.download(item["recording"])["id"]
            for moment in sorted(mesh.random.uniform(0.03, 0.95) for _ in range(10)):
                before = self.verified(seeker, transfer, moment, item)
                seeker.kill()
                seeker.start().wait_until_up()

                def goes_on():
                    status = seeker.transfer(transfer)
                    return status["state"] in ("transferring", "checking", "finishing", "done") and status
                after = wait_for("the transfer goes on", goes_on, 120)
                self.assertGreaterEqual(after["bytes_verified"], before["bytes_verified"], "what was written was lost")
            status = self.finished(seeker, transfer, item)
            again = sum(n.counter("swarm/uploads", "bytes_served") for n in sources) - item["size"]
            print(f"served {100 * again / item['size']:.2f}% more than the file over ten kills")
            # What was on its way at a kill is lost: at most a pipeline of each source each time.
            self.assertLessEqual(status["bytes_received"] - item["size"], 0.02 * item["size"])

    def test_many_transfers_at_once(self):
        peers, files, copies = (20, 200, 4) if FULL else (8, 48, 3)
        size = 4 << 20
        with Mesh(BIN, self.folder) as mesh:
            store = self.folder / "store"
            store.mkdir()
            libraries = [self.folder / f"library-{i}" for i in range(peers)]
            for library in libraries:
                library.mkdir()
            wanted = {}
            for number in range(files):
                recording = str(uuid.UUID(int=mesh.random.getrandbits(128), version=4))
                path = store / f"{number}.wav"
                write_big_wav(path, size, recording, mesh.seed + number, title=f"Title {number}")
                wanted[recording] = sha256_of(path)
                for library in mesh.random.sample(libraries, copies):
                    os.link(path, library / path.name)
            nodes = [mesh.add(f"peer-{i}", library=[library], extra={"transfers": {"upload_slots": 64}}).start()
                     for i, library in enumerate(libraries)]
            seeker = mesh.add("seeker", extra={"transfers": {"active_downloads": 200}}).start()
            for node in mesh.nodes:
                node.wait_until_up()
            for node, library in zip(nodes, libraries):
                count = len(list(library.iterdir()))
                wait_for(f"{node.name} has published", lambda n=node, c=count: published(n, c), 300)
            idle = peak_mib(seeker.process.pid)
            started = time.monotonic()
            running = {recording: seeker.download(recording)["id"] for recording in wanted}
            for recording, transfer in running.items():
                status = seeker.wait_for_download(transfer, 300)
                self.assertEqual(status["state"], "done", status)
                self.assertEqual(sha256_of(status["path"]), wanted[recording])
            peak = peak_mib(seeker.process.pid)
            print(f"{files} transfers of 4 MiB from {peers} peers in {time.monotonic() - started:.1f} s; "
                  f"memory of the downloader {idle:.0f} MiB before, {peak:.0f} MiB at most")
            self.assertLess(peak, 192)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--bin", required=True)
    known, rest = parser.parse_known_args()
    BIN = pathlib.Path(known.bin).resolve()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
