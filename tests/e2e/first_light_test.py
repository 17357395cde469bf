#!/usr/bin/env python3
"""Real processes on loopback: index real audio, publish it in the DHT, resolve and download it, through kills.

VSF_SEED repeats a run.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from mesh import Failure, Mesh, make_audio, published, sha256_of, wait_for  # noqa: E402

BIN = None


class FirstLight(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def share_out(self, manifest, music, owners):
        """Moves the files of a collection into one folder per owner, in turn; gives who owns what."""
        where = {}
        for number, item in enumerate(manifest):
            owner = number % len(owners)
            target = self.folder / f"library-{owners[owner]}" / item["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(music / item["path"], target)
            where[item["recording"]] = (owners[owner], item)
        return where

    def test_every_recording_resolves_and_arrives(self):
        with Mesh(BIN, self.folder) as mesh:
            music = self.folder / "music"
            manifest = make_audio(BIN, music, 200, mesh.seed)
            names = [f"node-{i}" for i in range(5)]
            where = self.share_out(manifest, music, names)
            for name in names:
                mesh.add(name, library=[self.folder / f"library-{name}"]).start()
            seeker = mesh.add("seeker").start()
            for node in mesh.nodes:
                node.wait_until_up()
            for node in mesh.nodes[:5]:
                wait_for(f"{node.name} has published", lambda n=node: published(n, 40), 120)
            running = {recording: seeker.download(recording)["id"] for recording in where}
            for recording, transfer in running.items():
                status = seeker.wait_for_download(transfer, 120)
                self.assertEqual(status["state"], "done", status)
                self.assertEqual(sha256_of(status["path"]), where[recording][1]["sha256"], status["path"])
            # Whoever serves a recording is what the index says.
            recording, (owner, item) = next(iter(where.items()))
            found = seeker.get(f"/api/v1/shadow-index/{recording}")
            holder = next(n for n in mesh.nodes if n.name == owner)
            ids = {c["node"] for c in found["candidates"]}
            self.assertEqual(ids, {holder.get("/api/v1/status")["node"]})
            self.assertEqual(found["candidates"][0]["root"], item["root"])

    def big_file_mesh(self, mesh, sources):
        """Sources that all serve the same one file, limited so that a download lasts about 20 s."""
        music = self.folder / "music"
        item = make_audio(BIN, music, 1, mesh.seed, formats="flac", min_s=45, max_s=45)[0]
        limit = max(1, item["size"] // 1024 // 20)
        for i in range(sources):
            folder = self.folder / f"library-{i}"
            (folder / item["path"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(music / item["path"], folder / item["path"])
            mesh.add(f"source-{i}", library=[folder], upload_limit_kib=limit).start()
        seeker = mesh.add("seeker").start()
        for node in mesh.nodes:
            node.wait_until_up()
        for node in mesh.nodes[:sources]:
            wait_for(f"{node.name} has published", lambda n=node: published(n, 1), 120)
        return item, seeker

    def test_a_source_dies(self):
        with Mesh(BIN, self.folder) as mesh:
            item, seeker = self.big_file_mesh(mesh, 2)
            started = time.monotonic()
            transfer = seeker.download(item["recording"])["id"]
            moment = mesh.random.uniform(0.1, 0.8)

            def active_source():
                status = seeker.transfer(transfer)
                if status["state"] in ("done", "failed"):
                    raise Failure(f"ended before the kill: {status}")
                if status["bytes_verified"] < moment * item["size"]:
                    return None
                return next((s for s in status["sources"] if s["state"] == "active"), None)

            source = wait_for("the transfer runs", active_source, 60)
            victim = next(n for n in mesh.nodes if n.get("/api/v1/status")["node"] == source["node"])
            victim.kill()
            status = seeker.wait_for_download(transfer, 120)
            self.assertEqual(status["state"], "done", status)
            self.assertEqual(sha256_of(status["path"]), item["sha256"])
            self.assertGreater(time.monotonic() - started, 10, "the limit did not limit")
            given = [s for s in status["sources"] if s["bytes"] > 0]
            self.assertEqual(len(given), 2, status["sources"])

    def test_the_downloader_is_killed_five_times(self):
        with Mesh(BIN, self.folder) as mesh:
            item, seeker = self.big_file_mesh(mesh, 2)
            transfer = seeker.download(item["recording"])["id"]
            for moment in sorted(mesh.random.uniform(0.05, 0.95) for _ in range(5)):
                wait_for("the transfer goes on",
                         lambda m=moment: seeker.transfer(transfer)["bytes_verified"] >= m * item["size"], 90)
                seeker.kill()
                seeker.start().wait_until_up()
            status = seeker.wait_for_download(transfer, 120)
            self.assertEqual(status["state"], "done", status)
            self.assertEqual(sha256_of(status["path"]), item["sha256"])
            again = status["bytes_received"] - item["size"]
            print(f"received {status['bytes_received']} of {item['size']}: {100 * again / item['size']:.2f}% again")
            self.assertLess(again, 0.02 * item["size"])

    def test_what_nobody_has_is_not_found(self):
        with Mesh(BIN, self.folder) as mesh:
            for name in ("one", "two"):
                mesh.add(name).start()
            for node in mesh.nodes:
                node.wait_until_up()
            node = mesh.nodes[1]
            started = time.monotonic()
            done = node.vsf("get", "00000000-0000-4000-8000-000000000001", "--wait", check=False)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("not found", (done.stdout + done.stderr).lower())
            self.assertLess(time.monotonic() - started, 5)
            done = node.vsf("get", "not-an-mbid", check=False)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    def test_a_node_stops_in_order(self):
        with Mesh(BIN, self.folder) as mesh:
            node = mesh.add("one").start().wait_until_up()
            self.assertEqual(node.stop(), 0)
            node.start().wait_until_up()
            self.assertEqual(node.stop(), 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--bin", required=True)
    known, rest = parser.parse_known_args()
    BIN = pathlib.Path(known.bin).resolve()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
