#!/usr/bin/env python3
"""Real processes on loopback: two nodes and a Soulseek server search, browse and transfer; then the server dies."""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import unittest

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path[:0] = [str(SUPPORT), str(SUPPORT / "soulseek_server")]
from mesh import Failure, Node, free_port, sha256_of, wait_for  # noqa: E402
from soulseek_client import Server  # noqa: E402

BIN = None
SEED = int(os.environ.get("VSF_SEED", random.randrange(1 << 30)))
API = "/api/v1/soulseek"


class Soulseek(unittest.TestCase):
    def setUp(self):
        print(f"seed={SEED}")
        self.random = random.Random(SEED)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-soulseek-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = Server(BIN)
        self.addCleanup(self.server.stop)

    def node(self, user, files):
        music = self.folder / f"{user}-music" / "Some Artist" / "An Album"
        music.mkdir(parents=True)
        for name, size in files.items():
            (music / name).write_bytes(self.random.randbytes(size))
        (self.folder / user).mkdir()
        downloads, incomplete = self.folder / user / "downloads", self.folder / user / "incomplete"
        downloads.mkdir()
        incomplete.mkdir()
        node = Node(BIN, self.folder, user, "test/0", library=[music.parents[1]], extra={
            "mesh": {"enabled": False},
            "transfers": {"download_dir": str(downloads), "incomplete_dir": str(incomplete)},
            "soulseek": {"enabled": True, "server": f"127.0.0.1:{self.server.port}", "username": user,
                         "password": f"secret of {user}", "listen": f"127.0.0.1:{free_port()}",
                         "description": f"this is {user}"}})
        node.config.chmod(0o600)
        node.music = music
        node.start()
        self.addCleanup(node.stop)

        def online():
            try:
                status = node.get(API)
            except (OSError, Failure):
                return False
            return status["state"] == "online" and status["shared_files"] == len(files)

        wait_for(f"{user} is online", online, 60)
        return node

    def found(self, node, text):
        search = node.request("POST", f"{API}/searches", {"text": text})["search"]
        wait_for(f"somebody has {text}", lambda: node.get(f"{API}/searches/{search}")["files"] > 0, 30)
        return node.get(f"{API}/searches/{search}")["results"]

    def fetched(self, node, user, file):
        number = node.request("POST", f"{API}/downloads", {"user": user, **file})["id"]

        def ended():
            mine = [t for t in node.get(f"{API}/downloads")["transfers"] if t["id"] == number]
            return mine[0] if mine and mine[0]["state"] in ("completed", "failed") else None

        wait_for(f"{file['path']} has arrived or failed", ended, 60)
        return ended()

    def test_search_browse_and_transfers_both_ways(self):
        anna = self.node("anna", {"01 Northern Lights.flac": 3_000_000, "cover.jpg": 1_000})
        bert = self.node("bert", {"07 Southern Sky.mp3": 700_001, "empty.txt": 0})
        for here, there, words, name in ((bert, anna, "northern lights", "01 Northern Lights.flac"),
                                         (anna, bert, "sky -northern *thern", "07 Southern Sky.mp3")):
            (result,) = self.found(here, words)
            self.assertEqual(result["user"], there.name)
            (file,) = result["files"]
            shares = here.get(f"{API}/users/{there.name}/shares")
            self.assertEqual(shares["files_total"], 2)
            self.assertEqual(here.get(f"{API}/users/{there.name}")["description"], f"this is {there.name}")
            done = self.fetched(here, there.name, {"path": file["path"], "size": file["size"]})
            self.assertEqual(done["state"], "completed", done)
            self.assertEqual(sha256_of(done["file"]), sha256_of(there.music / name))
        refused = self.fetched(bert, "anna", {"path": "somewhere\\else.mp3", "size": 10})
        self.assertEqual((refused["state"], refused["reason"]), ("failed", "File not shared."))

    def test_a_link_to_a_user_outlives_the_server(self):
        anna = self.node("anna", {"01 Northern Lights.flac": 2_000_000, "02 Southern Sky.flac": 2_000_000})
        bert = self.node("bert", {"cover.jpg": 1_000})
        (result,) = self.found(bert, "northern lights")
        self.server.do("die")
        wait_for("bert notices", lambda: bert.get(API)["state"] == "waiting", 30)
        shares = bert.get(f"{API}/users/anna/shares")
        self.assertEqual(shares["files_total"], 2)
        self.server.do("come_back")
        wait_for("bert is back", lambda: bert.get(API)["state"] == "online", 60)
        wait_for("anna is back", lambda: anna.get(API)["state"] == "online", 60)
        file = result["files"][0]
        done = self.fetched(bert, "anna", {"path": file["path"], "size": file["size"]})
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(sha256_of(done["file"]), sha256_of(anna.music / "01 Northern Lights.flac"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    arguments, rest = parser.parse_known_args()
    BIN = pathlib.Path(arguments.bin)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
