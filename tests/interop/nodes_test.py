#!/usr/bin/env python3
"""Two nodes and a Soulseek server on loopback: behind firewalls, killed in the middle, without their server."""

import argparse
import pathlib
import sys
import unittest

from stage import API, Failure, Stage, own_path, sha256_of, wait_for

BIG = 3_000_000
SLOW_KIB = 600


class Nodes(Stage):
    def pair(self, **options):
        anna = self.node("anna", {"01 Northern Lights.flac": BIG, "cover.jpg": 1_000}, **options)
        bert = self.node("bert", {"07 Southern Sky.mp3": 700_001, "empty.txt": 0}, **options)
        return anna, bert

    def assert_all_works(self, anna, bert):
        for here, there, words, name in ((bert, anna, "northern lights", "01 Northern Lights.flac"),
                                         (anna, bert, "southern sky", "07 Southern Sky.mp3")):
            (file,) = self.found(here, there.name, words)
            self.assertEqual(file["path"], own_path(there.music, name))
            self.assertEqual(len(self.browsed(here, there.name)), 2)
            self.assertEqual(self.described(here, there.name), f"this is {there.name}")
            self.assert_fetches(here, there.name, file["path"], there.music / name)

    def test_one_side_is_behind_a_firewall(self):
        anna, bert = self.pair()
        self.firewall(anna)
        self.assert_all_works(anna, bert)

    def test_the_other_side_is_behind_a_firewall(self):
        anna, bert = self.pair()
        self.firewall(bert)
        self.assert_all_works(anna, bert)

    def test_over_obfuscated_connections(self):
        """Others are told no other port of bert."""
        anna, bert = self.pair()
        told = self.server.wait_for("wait_port", user="bert")
        self.assertEqual(told["obfuscated_type"], "1", told)
        self.server.do("firewall", user="anna", port=self.black_hole())
        self.server.do("firewall", user="bert", port=0, obfuscated_port=int(told["obfuscated_port"]))
        self.assert_all_works(anna, bert)

    def test_behind_two_firewalls_the_reason_is_told(self):
        anna, bert = self.pair()
        self.firewall(anna, bert)
        with self.assertRaisesRegex(Failure, "anna"):
            self.browsed(bert, "anna")
        number = self.ask(bert, "anna", own_path(anna.music, "cover.jpg"), 1_000)
        stuck = wait_for("the download waits", lambda: (t := self.transfer(bert, number))["reason"] and t, 60)
        self.assertEqual((stuck["state"], stuck["reason"]), ("queued", "the user could not be reached"))

    def test_the_downloader_is_killed_and_goes_on(self):
        """What came since the last checkpoint (16 MiB or 10 s) comes again."""
        name, size = "Long Song.wav", 48_000_000
        anna = self.node("anna", {name: size}, upload_kib=8_000)
        bert = self.node("bert", {"cover.jpg": 1_000})
        number = self.ask(bert, "anna", own_path(anna.music, name), size)
        self.wait_until_flowing(bert, number, size // 2)
        bert.kill()
        self.start(bert)
        done = self.ended(bert, number)
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(sha256_of(done["file"]), sha256_of(anna.music / name))
        self.assertLess(anna.counter("soulseek", "upload_bytes"), size * 4 // 3)

    def test_the_uploader_is_killed_and_the_download_goes_on(self):
        anna, bert = self.pair(upload_kib=SLOW_KIB)
        name = "01 Northern Lights.flac"
        number = self.ask(bert, "anna", own_path(anna.music, name), BIG)
        self.wait_until_flowing(bert, number, BIG // 3)
        anna.kill()
        self.start(anna)
        done = self.ended(bert, number, 240)
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(sha256_of(done["file"]), sha256_of(anna.music / name))
        self.assertLess(anna.counter("soulseek", "upload_bytes"), BIG * 3 // 4)

    def test_the_server_is_killed_during_a_transfer(self):
        anna, bert = self.pair(upload_kib=SLOW_KIB)
        name = "01 Northern Lights.flac"
        number = self.ask(bert, "anna", own_path(anna.music, name), BIG)
        self.wait_until_flowing(bert, number, BIG // 4)
        self.server.process.kill()
        wait_for("bert notices", lambda: bert.get(API)["state"] == "waiting", 30)
        done = self.ended(bert, number)
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(sha256_of(done["file"]), sha256_of(anna.music / name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    arguments, rest = parser.parse_known_args()
    Stage.bin = pathlib.Path(arguments.bin)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
