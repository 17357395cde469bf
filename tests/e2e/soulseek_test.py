#!/usr/bin/env python3
"""Real processes on loopback: two nodes and a Soulseek server search, browse and transfer; then the server dies."""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time
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

    def node(self, user, files, network=None, patience_s=60, **soulseek):
        music = self.folder / f"{user}-music" / "Some Artist" / "An Album"
        music.mkdir(parents=True)
        for name, size in files.items():
            (music / name).parent.mkdir(exist_ok=True)
            (music / name).write_bytes(self.random.randbytes(size))
        (self.folder / user).mkdir()
        downloads, incomplete = self.folder / user / "downloads", self.folder / user / "incomplete"
        downloads.mkdir()
        incomplete.mkdir()
        node = Node(BIN, self.folder, user, "test/0", library=[music.parents[1]], extra={
            "mesh": {"enabled": False},
            "network": network or {},
            "transfers": {"download_dir": str(downloads), "incomplete_dir": str(incomplete)},
            "soulseek": {"enabled": True, "server": f"127.0.0.1:{self.server.port}", "username": user,
                         "password": f"secret of {user}", "listen": f"127.0.0.1:{free_port()}",
                         "description": f"this is {user}", **soulseek}})
        node.music = music
        node.start()
        self.addCleanup(node.stop)

        def online():
            try:
                status = node.get(API)
            except (OSError, Failure):
                return False
            return status["state"] == "online" and status["shared_files"] == len(files)

        wait_for(f"{user} is online", online, patience_s)
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

    def test_messages_rooms_and_interests_outlive_a_crash(self):
        anna = self.node("anna", {"cover.jpg": 1_000})
        bert = self.node("bert", {"cover.jpg": 1_000})
        text = "grüße / \"ünï\""
        bert.request("POST", f"{API}/messages", {"user": "anna", "text": text})
        wait_for("anna has it", lambda: anna.get(f"{API}/messages")["unread"] == 1, 20)
        wait_for("an event tells of it", lambda: [e for e in anna.get("/api/v1/events/history")["events"] if
                                                  (e["subject"], e["text"]) == ("soulseek/message/bert", text)], 20)
        for room, private in (("Jazz / Blues", False), ("Our den", True)):
            anna.request("POST", f"{API}/rooms", {"room": room, "private": private})
        anna.request("PUT", f"{API}/interests/likes/Bebop")
        anna.request("PUT", f"{API}/people/bert", {"buddy": True, "note": "from the concert"})
        jazz = f"{API}/rooms/Jazz%20%2F%20Blues"
        wait_for("anna is in the room", lambda: anna.get(jazz)["joined"], 20)
        anna.kill()
        # What comes meanwhile is kept by the server.
        bert.request("POST", f"{API}/messages", {"user": "anna", "text": "are you there?"})
        bert.request("POST", f"{API}/rooms", {"room": "Jazz / Blues"})
        anna.start()

        def both_in():
            try:
                return [u["user"] for u in anna.get(jazz)["users"]] == ["anna", "bert"]
            except (OSError, Failure):
                return False
        wait_for("anna is in the room again, with bert", both_in, 60)
        wait_for("what bert wrote meanwhile is here", lambda: anna.get(f"{API}/messages")["unread"] == 2, 20)
        (one,) = anna.get(f"{API}/messages")["conversations"]
        self.assertEqual((one["user"], one["messages"], one["last"]["text"]), ("bert", 2, "are you there?"))
        self.assertEqual([m["text"] for m in anna.get(f"{API}/messages/bert")["messages"]], [text, "are you there?"])
        self.assertEqual(anna.get(f"{API}/messages")["unread"], 0)
        self.assertEqual({r["room"]: (r["kind"], r["joined"]) for r in anna.get(f"{API}/rooms")["rooms"]}["Our den"],
                         ("owned", True))
        anna.request("POST", f"{API}/rooms/Jazz%20%2F%20Blues/messages", {"text": "hello all"})
        anna.request("PUT", f"{API}/rooms/Jazz%20%2F%20Blues/ticker", {"text": "anna's"})
        wait_for("bert hears it", lambda: [m["text"] for m in bert.get(jazz)["messages"]] == ["hello all"], 20)
        wait_for("bert sees it", lambda: bert.get(jazz)["tickers"] == [{"user": "anna", "text": "anna's"}], 20)
        self.assertEqual(anna.get(f"{API}/interests"), {"likes": ["bebop"], "hates": []})
        bert.request("PUT", f"{API}/interests/likes/bebop")
        wait_for("they are similar", lambda: bert.get(f"{API}/similar-users")["users"] == [{"user": "anna", "score": 1}], 20)
        self.assertEqual(bert.get(f"{API}/users/anna/interests")["likes"], ["bebop"])
        (buddy,) = anna.get(f"{API}/people")["people"]
        self.assertEqual((buddy["name"], buddy["note"], buddy["status"]), ("bert", "from the concert", "online"))
        bert.request("DELETE", jazz)
        wait_for("bert has left", lambda: anna.get(jazz)["users_total"] == 1, 20)

    def test_wishes_folders_bans_and_limits(self):
        anna = self.node("anna", {"01 Northern Lights.flac": 300_000, "01 Northern Lights (live).flac": 300_001,
                                  "01 Northern Lights.mp3": 100_000, "CD2/02 Southern Sky.flac": 1_500_000})
        bert = self.node("bert", {"cover.jpg": 1_000})
        wish = bert.request("POST", f"{API}/wishes", {"text": "northern lights", "download": {
            "extensions": ["flac"], "without": ["live"], "max_downloads": 5}})
        wait_for("the wish has come true", lambda: [t["state"] for t in bert.get(f"{API}/downloads")["transfers"]]
                 == ["completed"], 60)
        (done,) = bert.get(f"{API}/downloads")["transfers"]
        self.assertEqual(sha256_of(done["file"]), sha256_of(anna.music / "01 Northern Lights.flac"))
        self.assertEqual(bert.get(f"{API}/searches/{wish['search']}")["files"], 3)
        self.assertEqual(bert.get(f"{API}/wishes")["wishes"][0]["downloaded"], 1)
        wait_for("an event tells of it", lambda: [e for e in bert.get("/api/v1/events/history")["events"]
                                                  if e["subject"] == "soulseek/wish/northern lights"], 20)
        bert.request("DELETE", f"{API}/wishes/{wish['wish']}")
        self.assertEqual(bert.get(f"{API}/wishes")["wishes"], [])

        album = done["path"].rsplit("\\", 1)[0]
        anna.request("PUT", f"{API}/people/bert", {"banned": True})
        self.assertEqual(bert.get(f"{API}/users/anna/shares")["files_total"], 0)
        refused = self.fetched(bert, "anna", {"path": f"{album}\\01 Northern Lights.mp3"})
        self.assertEqual((refused["state"], refused["reason"]), ("failed", "Banned"))
        anna.request("DELETE", f"{API}/people/bert")

        self.assertEqual(bert.request("PUT", f"{API}/limits", {"download_limit_kib": 500})["download_limit_kib"], 500)
        begun = time.monotonic()
        folder = bert.request("POST", f"{API}/downloads", {"user": "anna", "folder": album})
        self.assertEqual((folder["files"], folder["bytes"], folder["refused"]), (4, 2_200_001, 0))

        def ended():
            mine = [t for t in bert.get(f"{API}/downloads")["transfers"] if t["id"] in folder["ids"]]
            return all(t["state"] in ("completed", "failed") for t in mine) and mine
        wait_for("the folder is here", ended, 60)
        self.assertGreater(time.monotonic() - begun, 2, "2.2 MB at 500 KiB/s")
        downloads = self.folder / "bert" / "downloads"
        for t in ended():
            self.assertEqual(t["state"], "completed", t)
        for name in ("01 Northern Lights.mp3", "CD2/02 Southern Sky.flac"):
            self.assertEqual(sha256_of(downloads / "An Album" / name), sha256_of(anna.music / name))
        # The folder alone has none below it: the list of all that is shared is looked through.
        again = bert.request("POST", f"{API}/downloads", {"user": "anna", "folder": f"{album}\\CD2"})
        self.assertEqual((again["files"], again["reason"]), (1, ""))
        with self.assertRaisesRegex(Failure, "404 .*anna shares no files"):
            bert.request("POST", f"{API}/downloads", {"user": "anna", "folder": f"{album}\\\\CD3"})
        self.assertGreater(bert.counter("soulseek", "server_received"), 0)
        self.assertGreater(bert.counter("soulseek", "dials_direct") + bert.counter("soulseek", "dials_indirect")
                           + bert.counter("soulseek", "links_accepted"), 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    arguments, rest = parser.parse_known_args()
    BIN = pathlib.Path(arguments.bin)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
