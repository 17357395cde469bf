#!/usr/bin/env python3
"""`vsf soulseek` as a person uses it: real nodes and a Soulseek server on loopback, all driven by the command line."""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path[:0] = [str(SUPPORT), str(SUPPORT / "soulseek_server")]
from mesh import Node, free_port, sha256_of, wait_for  # noqa: E402
from soulseek_client import Server  # noqa: E402

BIN = None
SEED = int(os.environ.get("VSF_SEED", random.randrange(1 << 30)))


class SoulseekCli(unittest.TestCase):
    def setUp(self):
        print(f"seed={SEED}")
        self.random = random.Random(SEED)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-soulseek-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = Server(BIN)
        self.addCleanup(self.server.stop)

    def node(self, user, files):
        album = self.folder / f"{user}-music" / "Some Artist" / "An Album"
        album.mkdir(parents=True)
        for name, size in files.items():
            (album / name).write_bytes(self.random.randbytes(size))
        downloads, incomplete = self.folder / user / "downloads", self.folder / user / "incomplete"
        downloads.mkdir(parents=True)
        incomplete.mkdir()
        node = Node(BIN, self.folder, user, "test/0", library=[album.parents[1]], extra={
            "mesh": {"enabled": False},
            "transfers": {"download_dir": str(downloads), "incomplete_dir": str(incomplete)},
            "soulseek": {"enabled": True, "server": f"127.0.0.1:{self.server.port}", "username": user,
                         "password": f"secret of {user}", "listen": f"127.0.0.1:{free_port()}",
                         "description": f"this is {user}"}})
        node.album = album
        node.start()
        self.addCleanup(node.stop)

        def online():
            done = self.run_vsf(node, "status", "--json")
            if done.returncode != 0:
                return False
            status = json.loads(done.stdout)
            return status["state"] == "online" and status["shared_files"] == len(files)

        wait_for(f"{user} is online", online, 60)
        return node

    def run_vsf(self, node, *words):
        return subprocess.run([BIN / "vsf", "--url", node.url, "soulseek", *words], capture_output=True, text=True, timeout=120)

    def vsf(self, node, *words):
        """What it prints; it must succeed."""
        done = self.run_vsf(node, *words)
        self.assertEqual(done.returncode, 0, f"vsf soulseek {words}: {done.stdout}{done.stderr}")
        return done.stdout

    def found(self, node, *words):
        """The first result of a search, asked again until there is one: the other's shares may not be announced yet."""
        def first():
            results = json.loads(self.vsf(node, "search", *words, "--wait", "2", "--json"))["results"]
            return results[0] if results else None

        return wait_for(f"somebody has {words}", first, 60)

    def test_search_browse_get_and_the_list(self):
        anna = self.node("anna", {"01 Northern Lights.flac": 3_000_000, "cover.jpg": 1_000})
        bert = self.node("bert", {"07 Southern Sky.mp3": 1_000})
        self.assertIn("this is anna", self.vsf(bert, "user", "anna"))
        result = self.found(bert, "northern", "lights")
        self.assertEqual((result["user"], result["size"]), ("anna", 3_000_000))
        search = result["result"].split("-")[0]
        self.assertIn(result["result"], self.vsf(bert, "results", search))
        folders = self.vsf(bert, "browse", "anna")
        self.assertIn("An Album", folders)
        self.assertIn("2 files in all", folders)
        folder = result["path"].rpartition("\\")[0]
        self.assertIn("cover.jpg", self.vsf(bert, "browse", "anna", folder))

        (by_result,) = self.vsf(bert, "get", result["result"]).splitlines()
        self.assertEqual(sha256_of(by_result), sha256_of(anna.album / "01 Northern Lights.flac"))
        (by_path,) = self.vsf(bert, "get", "anna", f"{folder}\\cover.jpg").splitlines()
        self.assertEqual(sha256_of(by_path), sha256_of(anna.album / "cover.jpg"))
        refused = self.run_vsf(bert, "get", "anna", "somewhere\\else.mp3")
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        self.assertIn("cannot get somewhere\\else.mp3 of anna: File not shared.", refused.stderr)

        downloads = {t["path"]: t for t in json.loads(self.vsf(bert, "downloads", "--json"))["transfers"]}
        self.assertEqual({t["state"] for t in downloads.values()}, {"completed", "failed"})
        self.assertIn("failed", self.vsf(bert, "downloads"))
        failed = str(downloads["somewhere\\else.mp3"]["id"])
        self.vsf(bert, "forget", failed)
        left = json.loads(self.vsf(bert, "downloads", "--json"))["transfers"]
        self.assertEqual(len(left), 2)
        again = self.run_vsf(bert, "forget", failed)
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"cannot forget download {failed}: ", again.stderr)

    def test_a_folder(self):
        anna = self.node("anna", {"01 Northern Lights.flac": 700_000, "02 Southern Sky.flac": 300_000, "cover.jpg": 0})
        bert = self.node("bert", {"07 Something.mp3": 1_000})
        got = self.vsf(bert, "get", self.found(bert, "southern", "sky")["result"], "--folder").splitlines()
        self.assertEqual(sorted(sha256_of(path) for path in got), sorted(sha256_of(path) for path in anna.album.iterdir()))

    def test_away_logout_and_login(self):
        anna = self.node("anna", {"01 Northern Lights.flac": 1_000})
        self.vsf(anna, "away", "on")
        self.assertIn("online, away", self.vsf(anna, "status"))
        self.vsf(anna, "away", "off")
        self.vsf(anna, "logout")
        wait_for("anna is off", lambda: json.loads(self.vsf(anna, "status", "--json"))["state"] == "off", 20)
        refused = self.run_vsf(anna, "say", "bert", "hello")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("cannot write to bert: not logged in", refused.stderr)
        self.vsf(anna, "login")
        wait_for("anna is back", lambda: json.loads(self.vsf(anna, "status", "--json"))["state"] == "online", 60)

    def test_talk_wishes_and_people(self):
        anna = self.node("anna", {"01 Northern Lights.flac": 1_000})
        bert = self.node("bert", {"07 Southern Sky.mp3": 1_000})
        self.vsf(anna, "say", "bert", "have", "you", "got", "it?")
        wait_for("bert has read it", lambda: "anna: have you got it?" in self.vsf(bert, "messages", "anna"), 30)
        self.assertIn("have you got it?", self.vsf(bert, "messages"))
        self.assertIn("you: have you got it?", self.vsf(anna, "messages", "bert"))
        self.vsf(bert, "messages", "anna", "--forget")
        self.assertIn("there are no messages with anna", self.vsf(bert, "messages", "anna"))

        for node in (anna, bert):
            self.vsf(node, "join", "Nordic Folk")
            wait_for("the room is joined", lambda: json.loads(self.vsf(node, "room", "Nordic Folk", "--json"))["joined"], 30)  # noqa: B023
        self.vsf(bert, "tell", "Nordic Folk", "good", "evening")
        wait_for("anna hears it", lambda: "bert: good evening" in self.vsf(anna, "room", "Nordic Folk"), 30)
        self.assertIn("Nordic Folk", self.vsf(anna, "rooms"))
        self.vsf(bert, "leave", "Nordic Folk")

        self.vsf(bert, "wish", "add", "rare", "song", "--download", "--extension", "flac")
        (wish,) = json.loads(self.vsf(bert, "wish", "list", "--json"))["wishes"]
        self.assertEqual((wish["text"], wish["download"]["extensions"]), ("rare song", ["flac"]))
        self.vsf(bert, "wish", "remove", str(wish["wish"]))
        self.assertIn("there are no wishes", self.vsf(bert, "wish", "list"))

        self.vsf(anna, "like", "nordic", "folk")
        self.vsf(anna, "hate", "noise")
        wait_for("bert sees what anna likes", lambda: "nordic folk" in self.vsf(bert, "interests", "anna"), 30)

        self.vsf(anna, "people", "ban", "10.0.0.0/8")
        self.vsf(anna, "people", "buddy", "bert")
        self.vsf(anna, "people", "note", "bert", "kind", "and", "quick")
        people = {p["name"]: p for p in json.loads(self.vsf(anna, "people", "list", "--json"))["people"]}
        self.assertTrue(people["10.0.0.0/8"]["banned"] and people["bert"]["buddy"])
        self.assertEqual(people["bert"]["note"], "kind and quick")
        self.vsf(anna, "people", "forget", "10.0.0.0/8")
        self.assertNotIn("10.0.0.0/8", self.vsf(anna, "people", "list"))
        self.assertIn("7 KiB/s", self.vsf(anna, "limits", "--user-kib", "7"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    arguments, rest = parser.parse_known_args()
    BIN = pathlib.Path(arguments.bin)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
