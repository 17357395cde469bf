#!/usr/bin/env python3
"""Our node and our server with other people's clients on loopback. Run by hand:

foreign_test.py --bin DIR [--nicotine CHECKOUT] [--aioslsk CHECKOUT] [CASE ...]
"""

import argparse
import contextlib
import pathlib
import sys
import unittest

from stage import API, Client, Failure, Foreign, Stage, free_port, own_path, sha256_of, wait_for

BIG = 3_000_000
SLOW_KIB = 600
OURS = {"01 Northern Lights.flac": BIG, "cover.jpg": 1_000, "empty.txt": 0, "Ünïcödé Sóng.mp3": 50_000}
THEIRS = {"07 Southern Sky.mp3": BIG, "Другая песня.ogg": 60_000, "empty.log": 0}


class Foreigners:
    driver = None
    checkouts = {}  # of drivers

    def setUp(self):
        self.checkout = self.checkouts.get(self.driver)
        if not self.checkout:
            self.skipTest(f"no checkout for {self.driver} was given; see the top of this file")
        super().setUp()

    def theirs(self, user="theirs", files=THEIRS, music=None, **options):
        album = music or self.music(user, files)
        client = Foreign(self.driver, self.checkout, self.folder / user, user, self.server.port, album.parents[1], **options)
        client.album = album
        self.addCleanup(lambda: client.process.poll() is None and client.stop())
        self.server.wait_for("shares", user=user)
        wait_for(f"{user} shares", lambda: self.server.events("shares", user=user)[-1]["files"] != "0", 30)
        return client


class ForeignCases(Foreigners):
    comes_back = True  # by itself, when the server ended the connection

    def pair(self, ours_kib=0, theirs_kib=0):
        return self.node("ours", OURS, upload_kib=ours_kib), self.theirs(upload_kib=theirs_kib)

    def path_of(self, node, user, name):
        self.paths = getattr(self, "paths", None) or self.browsed(node, user)
        return next(p for p in self.paths if p.endswith(name))

    def assert_they_fetch(self, client, node, name, timeout_s=90, start=True):
        original = node.music / name
        file = client.fetched(node.name, own_path(node.music, name), original.stat().st_size, timeout_s, start)
        self.assertEqual(sha256_of(file), sha256_of(original))

    def assert_all_works(self, ours, theirs):
        (file,) = self.found(ours, "theirs", "southern sky")
        self.assertEqual(file["size"], BIG)
        self.assertEqual([f["path"] for f in theirs.found("ours", "northern lights")],
                         [own_path(ours.music, "01 Northern Lights.flac")])
        self.assertEqual(len(self.browsed(ours, "theirs")), len(THEIRS))
        shares = theirs.asked("browse", "shares", "ours")
        self.assertEqual(sorted(shares.get("files", [shares])), sorted(own_path(ours.music, name) for name in OURS))
        self.assertEqual(self.described(ours, "theirs"), "this is theirs")
        self.assertEqual(theirs.asked("info", "info", "ours").get("text"), "this is ours")
        self.assert_fetches(ours, "theirs", file["path"], theirs.album / "07 Southern Sky.mp3")
        self.assert_they_fetch(theirs, ours, "01 Northern Lights.flac")

    def test_search_browse_info_and_transfers(self):
        ours, theirs = self.pair()
        self.assert_all_works(ours, theirs)
        for name in list(THEIRS)[1:]:
            self.assert_fetches(ours, "theirs", self.path_of(ours, "theirs", name), theirs.album / name)
        for name in list(OURS)[1:]:
            self.assert_they_fetch(theirs, ours, name)

    def test_we_are_behind_a_firewall(self):
        ours, theirs = self.pair()
        self.firewall(ours)
        self.assert_all_works(ours, theirs)

    def test_they_are_behind_a_firewall(self):
        ours, theirs = self.pair()
        self.firewall(theirs)
        self.assert_all_works(ours, theirs)

    def test_the_server_is_slow(self):
        """Direct and indirect connections cross, so most races are run."""
        ours, theirs = self.pair()
        self.server.do("slow", ms=700)
        self.assert_all_works(ours, theirs)

    def test_we_both_dial_at_once(self):
        ours, theirs = self.pair()
        path = self.path_of(ours, "theirs", "Sky.mp3")
        for round_ in range(3):
            theirs.do("download", user="ours", path=own_path(ours.music, list(OURS)[round_]), size=OURS[list(OURS)[round_]])
            number = self.ask(ours, "theirs", path, BIG)
            theirs.do("browse", user="ours")
            self.assertEqual(self.described(ours, "theirs"), "this is theirs")
            self.assertEqual(self.ended(ours, number)["state"], "completed")
            self.assert_they_fetch(theirs, ours, list(OURS)[round_], start=False)
            ours.request("DELETE", f"{API}/downloads/{number}")

    def test_we_are_killed_while_we_download(self):
        """What came since the last checkpoint (16 MiB or 10 s) comes again."""
        ours, theirs = self.node("ours", OURS), self.theirs(upload_kib=150)
        number = self.ask(ours, "theirs", self.path_of(ours, "theirs", "Sky.mp3"), BIG)
        self.wait_until_flowing(ours, number, BIG * 3 // 5)
        ours.kill()
        self.start(ours)
        done = self.ended(ours, number, 240)
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(sha256_of(done["file"]), sha256_of(theirs.album / "07 Southern Sky.mp3"))
        self.assertLess(ours.counter("soulseek", "download_bytes"), BIG * 3 // 4)  # the rest alone

    def test_they_are_killed_while_we_download(self):
        ours, theirs = self.pair(theirs_kib=SLOW_KIB)
        number = self.ask(ours, "theirs", self.path_of(ours, "theirs", "Sky.mp3"), BIG)
        self.wait_until_flowing(ours, number, BIG // 3)
        theirs.kill()
        self.theirs(music=theirs.album)
        done = self.ended(ours, number, 240)
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(sha256_of(done["file"]), sha256_of(theirs.album / "07 Southern Sky.mp3"))
        self.assertLess(ours.counter("soulseek", "download_bytes"), BIG * 5 // 4)

    def start_their_download(self, ours, theirs, name="01 Northern Lights.flac"):
        path = own_path(ours.music, name)
        theirs.do("download", user="ours", path=path, size=BIG)
        wait_for("their download flows", lambda: (t := theirs.transfer("ours", path)) and t["bytes"] > BIG // 3, 60)

    def test_we_are_killed_while_they_download(self):
        ours, theirs = self.pair(ours_kib=SLOW_KIB)
        self.start_their_download(ours, theirs)
        ours.kill()
        self.start(ours)
        theirs.do("retry")
        self.assert_they_fetch(theirs, ours, "01 Northern Lights.flac", 240, start=False)
        self.assertLess(ours.counter("soulseek", "upload_bytes"), BIG * 3 // 4)

    def test_they_stop_while_they_download(self):
        ours, theirs = self.pair(ours_kib=SLOW_KIB)
        self.start_their_download(ours, theirs)
        theirs.stop()
        again = self.theirs(music=theirs.album)
        again.do("download", user="ours", path=own_path(ours.music, "01 Northern Lights.flac"), size=BIG)
        again.do("retry")
        self.assert_they_fetch(again, ours, "01 Northern Lights.flac", 240, start=False)
        self.assertLess(ours.counter("soulseek", "upload_bytes"), BIG * 3 // 2)

    def test_the_server_dies_during_transfers(self):
        ours, theirs = self.pair(SLOW_KIB, SLOW_KIB)
        number = self.ask(ours, "theirs", self.path_of(ours, "theirs", "Sky.mp3"), BIG)
        self.start_their_download(ours, theirs)
        self.wait_until_flowing(ours, number, BIG // 4)
        self.server.do("die")
        wait_for("we notice", lambda: ours.get(API)["state"] == "waiting", 30)
        self.server.do("come_back")
        self.assertEqual(self.ended(ours, number, 240)["state"], "completed")
        if self.comes_back:
            wait_for("they are back", lambda: len(self.server.events("login", user="theirs")) > 1 or None, 60)
            theirs.do("retry")
        self.assert_they_fetch(theirs, ours, "01 Northern Lights.flac", 240, start=False)

    def test_a_file_we_do_not_share(self):
        ours, theirs = self.pair()
        theirs.do("download", user="ours", path="nothing\\like\\this.mp3", size=10)
        wait_for("they are told", lambda: "not shared" in theirs.transfer("ours", "nothing\\like\\this.mp3")["why"], 60)
        failed = self.ended(ours, self.ask(ours, "theirs", "nothing\\like\\this.mp3", 10))
        self.assertEqual((failed["state"], failed["reason"]), ("failed", "File not shared."))

    def test_messages(self):
        ours, theirs = self.pair()
        theirs.do("message", user="ours", text="hello from them")
        wait_for("we have it", lambda: "hello from them" in str(ours.get("/api/v1/events/history")), 20)
        ours.request("POST", f"{API}/messages", {"user": "theirs", "text": "hello from us"})
        theirs.wait_for("message", user="ours", text="hello from us")


class TreeCases(Foreigners):
    """Searches go to the branch root alone: who answers one has it from a parent, or is the root."""

    server_arguments = ("--tree",)
    root_passes_on_its_own = True  # searches

    def takes_children(self, user):
        self.server.do("upload_speed", user=user, speed=20_000_000)

    def until_adopted(self, what, condition, searcher):
        """A parent is taken once a search has come from it."""
        def asked():
            searcher()
            return condition()
        wait_for(what, asked, 90)

    def stranger(self):
        """Somebody else searches, once a call."""
        client = Client(self.server.port)
        self.addCleanup(client.close)
        client.login("stranger")
        tokens = iter(range(1, 1_000_000))
        return lambda: client.search(next(tokens), "nobody has this")

    def test_we_are_in_the_middle(self):
        root = self.theirs("root", {"Alpha Root Song.mp3": 1_000})
        self.takes_children("root")
        searches = self.stranger()
        searches()  # with a search from the server Nicotine+ begins to take children
        self.server.wait_for("accept_children", user="root", accept="true")
        searches()
        ours = self.node("ours", {"Beta Middle Song.mp3": 1_000})
        self.takes_children("ours")
        self.until_adopted("we have a parent", lambda: ours.get(API)["parent"] == "root", searches)
        status = ours.get(API)
        self.assertEqual((status["branch_level"], status["branch_root"]), (1, "root"))
        self.assertEqual(root.do("tree")["children"], ["ours"])
        self.firewall(root)
        leaf = self.theirs("leaf", {"Gamma Leaf Song.mp3": 1_000})
        self.until_adopted("they have us as a parent", lambda: leaf.do("tree")["parent"] == "ours", searches)
        self.assertEqual({k: leaf.do("tree")[k] for k in ("level", "root")}, {"level": 2, "root": "root"})
        self.assertEqual(ours.get(API)["children"], 1)
        self.server.do("firewall", user="root")
        if self.root_passes_on_its_own:
            self.assertTrue(root.found("leaf", "gamma leaf"))  # by way of us
            self.assertTrue(root.found("ours", "beta middle"))
        self.assertTrue(leaf.found("root", "alpha root"))
        self.assertTrue(leaf.found("ours", "beta middle"))
        self.assertTrue(self.found(ours, "leaf", "gamma leaf"))
        root.stop()
        wait_for("we have no parent", lambda: ours.get(API)["parent"] == "", 60)

        def finds():
            with contextlib.suppress(Failure):
                return self.found(ours, "leaf", "gamma song", 10)
        wait_for("the tree has grown again", finds, 120)

    def test_we_are_the_root(self):
        ours = self.node("ours", {"Beta Middle Song.mp3": 1_000})
        self.takes_children("ours")
        ours.request("POST", f"{API}/searches", {"text": "chooses the root"})
        leaf = self.theirs("leaf", {"Gamma Leaf Song.mp3": 1_000})
        self.until_adopted("they have us as a parent", lambda: leaf.do("tree")["parent"] == "ours", self.stranger())
        self.assertEqual({k: leaf.do("tree")[k] for k in ("level", "root")}, {"level": 1, "root": "ours"})
        self.assertTrue(self.found(ours, "leaf", "gamma leaf"))
        self.assertTrue(leaf.found("ours", "beta middle"))
        self.server.do("reset_distributed")
        wait_for("the children were let go", lambda: ours.get(API)["children"] == 0, 30)


class Nicotine(ForeignCases, Stage):
    driver = "nicotine_driver.py"


class Aioslsk(ForeignCases, Stage):
    driver = "aioslsk_driver.py"
    comes_back = False

    def test_over_obfuscated_connections(self):
        """Neither is told another port of the other."""
        ours, theirs = self.node("ours", OURS), self.theirs(obfuscated_port=free_port())
        for client in (ours, theirs):
            told = self.server.wait_for("wait_port", user=client.name)
            self.assertEqual(told["obfuscated_type"], "1", told)
            self.server.do("firewall", user=client.name, port=0, obfuscated_port=int(told["obfuscated_port"]))
        self.assert_all_works(ours, theirs)


class NicotineTree(TreeCases, Stage):
    driver = "nicotine_driver.py"


class AioslskTree(TreeCases, Stage):
    driver = "aioslsk_driver.py"
    root_passes_on_its_own = False


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--nicotine", type=pathlib.Path)
    parser.add_argument("--aioslsk", type=pathlib.Path)
    arguments, rest = parser.parse_known_args()
    Stage.bin = pathlib.Path(arguments.bin)
    Foreigners.checkouts = {"nicotine_driver.py": arguments.nicotine, "aioslsk_driver.py": arguments.aioslsk}
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
