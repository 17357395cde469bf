#!/usr/bin/env python3
"""Real processes and real audio: what is offered as a recording and is another one is never finished.

VSF_SEED repeats a run.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from mesh import Mesh, published, sha256_of, wait_for  # noqa: E402

BIN = None


def make_one(folder, seed, *options):
    """One file of 20 to 25 s; gives its entry of the manifest."""
    command = [BIN / "vsf-make-audio", folder, "--count", "1", "--seed", str(seed), "--min-s", "20", "--max-s", "25", *options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120).stdout)[0]


def listened(node, files):
    """Whether the node has published so many recordings together with what they sound like."""
    done = node.counter("library", "files_fingerprinted", 'outcome="sketch"') >= files
    return done and node.gauge("library", "fingerprinting") == 0 and published(node, files)


class ContentCheck(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def add_liar(self, mesh, recording):
        """A node whose only file is tagged as another recording, and which publishes it as this one."""
        item = make_one(self.folder / "music-liar", mesh.seed + 1, "--formats", "flac")
        liar = mesh.add("liar", library=[self.folder / "music-liar"]).start().wait_until_up()
        wait_for("the liar knows its file", lambda: listened(liar, 1), 120)
        liar.stop()
        subprocess.run([BIN / "vsf-make-liar", liar.folder / "data", recording], check=True, timeout=60)
        liar.start().wait_until_up()
        return liar, item

    def add_honest(self, mesh):
        """Two nodes with the recording itself, each in an encoding of its own; gives the recording and their files."""
        items = []
        for name in ("mp3", "vorbis"):
            items.append(make_one(self.folder / f"music-{name}", mesh.seed, "--formats", name))
            mesh.add(f"honest-{name}", library=[self.folder / f"music-{name}"]).start()
        return items

    def check_what_is_kept(self, seeker, status, liar, bad_root, good_sha256):
        """The liar's file is in quarantine and nowhere else; the rejection names the liar."""
        identity = liar.get("/api/v1/status")
        rejection = status["rejections"][0]
        self.assertEqual(len(status["rejections"]), 1, status)
        self.assertEqual(rejection["root"], bad_root)
        self.assertEqual(rejection["node"], identity["node"])
        self.assertEqual(rejection["publisher"], identity["identity"])
        data = seeker.folder / "data"
        kept = list((data / "incomplete" / "quarantine").iterdir())
        self.assertEqual(len(kept), 1, kept)
        self.assertNotEqual(sha256_of(kept[0]), good_sha256)
        self.assertEqual([p for p in (data / "incomplete").iterdir() if p.is_file()], [])
        self.assertEqual(seeker.counter("swarm", "contents_rejected"), 1)
        return rejection["reason"], kept[0]

    def test_a_liar_alone(self):
        with Mesh(BIN, self.folder) as mesh:
            seeker = mesh.add("seeker").start()
            asked = make_one(self.folder / "nobody-has-it", mesh.seed)["recording"]
            liar, item = self.add_liar(mesh, asked)
            seeker.wait_until_up()
            wait_for("the lie is published", lambda: seeker.get(f"/api/v1/shadow-index/{asked}")["candidates"], 120)
            status = seeker.wait_for_download(seeker.download(asked)["id"], 120)
            self.assertEqual(status["state"], "failed", status)
            self.assertIn("quarantine", status["reason"])
            reason, kept = self.check_what_is_kept(seeker, status, liar, item["root"], None)
            self.assertIn(item["recording"], reason)
            self.assertEqual(sha256_of(kept), item["sha256"])
            downloads = seeker.folder / "data" / "downloads"
            self.assertEqual(list(downloads.iterdir()) if downloads.exists() else [], [])
            # A later download doesn't take that offer again, also after a restart.
            seeker.kill()
            seeker.start().wait_until_up()
            again = seeker.wait_for_download(seeker.download(asked)["id"], 120)
            self.assertEqual(again["state"], "failed", again)
            self.assertEqual(again["bytes_received"], 0, again)

    def honest_one_arrives(self, liar_of):
        with Mesh(BIN, self.folder) as mesh:
            seeker = mesh.add("seeker").start()
            honest = self.add_honest(mesh)
            asked = honest[0]["recording"]
            liar, item = liar_of(mesh, asked)
            for node in mesh.nodes:
                node.wait_until_up()
            for node in mesh.nodes[1:]:
                wait_for(f"{node.name} has published", lambda n=node: listened(n, 1) or n is liar and published(n, 1), 120)
            wait_for("all offers are found",
                     lambda: len(seeker.get(f"/api/v1/shadow-index/{asked}?fresh=true")["candidates"]) == 3, 120)
            status = seeker.wait_for_download(seeker.download(asked)["id"], 120)
            self.assertEqual(status["state"], "done", status)
            self.assertIn(sha256_of(status["path"]), [i["sha256"] for i in honest])
            reason, kept = self.check_what_is_kept(seeker, status, liar, item["root"], sha256_of(status["path"]))
            self.assertEqual(sha256_of(kept), item["sha256"])
            return reason

    def test_a_liar_among_honest_nodes(self):
        self.honest_one_arrives(self.add_liar)

    def test_a_liar_who_retags_among_honest_nodes(self):
        def retagged(mesh, _):
            # Other sound under the recording's own tags: a better format, so that it is tried first.
            item = make_one(self.folder / "music-liar", mesh.seed, "--sound-seed", str(mesh.seed + 1), "--formats", "flac")
            return mesh.add("liar", library=[self.folder / "music-liar"]).start(), item

        reason = self.honest_one_arrives(retagged)
        self.assertIn("sounds unlike", reason)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--bin", required=True)
    known, rest = parser.parse_known_args()
    BIN = pathlib.Path(known.bin).resolve()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
