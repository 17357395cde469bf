#!/usr/bin/python3
"""Has libtorrent open, verify, seed and download what `vsf tool torrent` writes.

usage: torrent_interop.py VSF_PROGRAM
"""
import contextlib
import functools
import hashlib
import http.server
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import libtorrent as lt

VSF = ""
MIB = 1 << 20
LEAF = 16 * 1024
SIZES = [1, LEAF, MIB, MIB + 1, 5 * MIB + 7]
PATIENCE_S = 60


def vsf(*arguments, folder):
    return subprocess.run([VSF, "tool", "torrent", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def up(nodes):
    while len(nodes) > 1:
        nodes = [hashlib.sha256(a + b).digest() for a, b in zip(nodes[::2], nodes[1::2])]
    return nodes[0]


def piece_roots(content):
    """As BEP 52 says: leaves beyond the end are zero within a piece."""
    roots = []
    for at in range(0, len(content), MIB):
        piece = content[at:at + MIB]
        leaves = [hashlib.sha256(piece[i:i + LEAF]).digest() for i in range(0, len(piece), LEAF)]
        roots.append(up(leaves + [bytes(32)] * (MIB // LEAF - len(leaves))))
    return roots


def session():
    return lt.session({
        "listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False, "enable_upnp": False,
        "enable_natpmp": False, "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification})


def wait_for(ses, kind):
    """The first alert of that kind; what went wrong instead ends the test."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        ses.wait_for_alert(500)
        for alert in ses.pop_alerts():
            if isinstance(alert, (lt.torrent_error_alert, lt.metadata_failed_alert, lt.file_error_alert)):
                raise AssertionError(alert.message())
            if isinstance(alert, kind):
                return alert
    raise AssertionError(f"no {kind.__name__} within {PATIENCE_S} s")


class PartsOfFiles(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
        with open(self.translate_path(self.path), "rb") as file:
            whole = file.read()
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(whole[first:last + 1])


@contextlib.contextmanager
def served(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(PartsOfFiles, directory=folder))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TorrentInterop(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name
        self.chance = random.Random(11)

    def made(self, size, name="Artist - T\u00eftle.flac", *arguments):
        content = self.chance.randbytes(size)
        with open(os.path.join(self.folder, name), "wb") as out:
            out.write(content)
        done = vsf(name, "--json", "--out", f"{size}.torrent", *arguments, folder=self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = json.loads(done.stdout)
        self.assertEqual(sorted(found), ["infohash_v2", "magnet", "root", "torrent"])
        self.assertEqual(found["torrent"], f"{size}.torrent")
        return content, found, os.path.join(self.folder, found["torrent"])

    def test_libtorrent_reads_the_same_out_of_it(self):
        for size in SIZES:
            with self.subTest(size=size):
                content, found, path = self.made(size)
                info = lt.torrent_info(path)
                self.assertTrue(info.info_hashes().has_v2())
                self.assertFalse(info.info_hashes().has_v1())
                self.assertEqual(str(info.info_hashes().v2), found["infohash_v2"])
                self.assertEqual(str(info.files().root(0)), found["root"])
                self.assertEqual((info.name(), info.files().file_size(0)), ("Artist - T\u00eftle.flac", size))
                self.assertEqual(info.piece_length(), MIB)
                with open(path, "rb") as raw:
                    layers = lt.bdecode(raw.read())[b"piece layers"]
                expected = {bytes.fromhex(found["root"]): b"".join(piece_roots(content))} if size > MIB else {}
                self.assertEqual(layers, expected)

    def test_libtorrent_finds_a_wrong_layer(self):
        _, _, path = self.made(MIB + 1)
        with open(path, "rb") as raw:
            torrent = bytearray(raw.read())
        at = torrent.rindex(b"64:") + 3
        torrent[at] ^= 1
        with open(path, "wb") as out:
            out.write(torrent)
        wrong = lt.add_torrent_params()
        wrong.ti = lt.torrent_info(path)
        wrong.save_path = self.folder
        with self.assertRaisesRegex(RuntimeError, "piece layer"):
            session().add_torrent(wrong)

    def test_the_magnet_names_the_same(self):
        for size in (1, 5 * MIB + 7):
            content, found, _ = self.made(size)
            plain = vsf("Artist - T\u00eftle.flac", "--out", f"{size}.torrent", folder=self.folder)
            self.assertEqual(plain.stdout, found["magnet"] + "\n")
            magnet = lt.parse_magnet_uri(found["magnet"])
            self.assertEqual(str(magnet.info_hashes.v2), found["infohash_v2"])
            self.assertEqual(magnet.name, "Artist - T\u00eftle.flac")
            self.assertIn(f"&xl={size}", found["magnet"])

    def test_trackers_and_web_seeds_are_read(self):
        _, found, path = self.made(1, "a b.bin", "--tracker", "udp://127.0.0.1:1/announce", "--tracker",
                                   "http://127.0.0.1:2/announce", "--web-seed", "http://127.0.0.1:3/a%20b.bin")
        info = lt.torrent_info(path)
        self.assertEqual([(t.url, t.tier) for t in info.trackers()],
                         [("udp://127.0.0.1:1/announce", 0), ("http://127.0.0.1:2/announce", 1)])
        self.assertEqual([s["url"] for s in info.web_seeds()], ["http://127.0.0.1:3/"])
        magnet = lt.parse_magnet_uri(found["magnet"])
        self.assertEqual(magnet.trackers, ["udp://127.0.0.1:1/announce", "http://127.0.0.1:2/announce"])
        self.assertEqual(magnet.url_seeds, ["http://127.0.0.1:3/"])

    def moved(self, size, by_magnet):
        """Seeds our file with our torrent in one session and fetches it in another; gives the bytes there."""
        content, found, path = self.made(size)
        seed, leech = session(), session()
        have = lt.add_torrent_params()
        have.ti = lt.torrent_info(path)
        have.save_path = self.folder
        seed.add_torrent(have)
        # It checks the file that is there against the torrent.
        wait_for(seed, lt.torrent_finished_alert)
        want = lt.parse_magnet_uri(found["magnet"]) if by_magnet else lt.add_torrent_params()
        if not by_magnet:
            want.ti = lt.torrent_info(path)
        with tempfile.TemporaryDirectory() as target:
            want.save_path = target
            leech.add_torrent(want).connect_peer(("127.0.0.1", seed.listen_port()))
            wait_for(leech, lt.torrent_finished_alert)
            leech.pause()
            with open(os.path.join(target, "Artist - T\u00eftle.flac"), "rb") as arrived:
                return content, arrived.read()

    def test_it_moves_from_one_session_to_another(self):
        for size in SIZES:
            with self.subTest(size=size):
                content, arrived = self.moved(size, by_magnet=False)
                self.assertEqual(arrived, content)

    def test_it_moves_by_the_magnet_alone(self):
        content, arrived = self.moved(5 * MIB + 7, by_magnet=True)
        self.assertEqual(arrived, content)

    def test_it_comes_from_a_web_seed(self):
        with served(self.folder) as url:
            content, _, path = self.made(MIB + 1, "a b.bin", "--web-seed", f"{url}/a%20b.bin")
            leech = session()
            want = lt.add_torrent_params()
            want.ti = lt.torrent_info(path)
            with tempfile.TemporaryDirectory() as target:
                want.save_path = target
                leech.add_torrent(want)
                wait_for(leech, lt.torrent_finished_alert)
                with open(os.path.join(target, "a b.bin"), "rb") as arrived:
                    self.assertEqual(arrived.read(), content)

    def test_an_empty_file_is_refused(self):
        with open(os.path.join(self.folder, "empty"), "wb"):
            pass
        done = vsf("empty", folder=self.folder)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("an empty file has no BitTorrent v2 root", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual(os.listdir(self.folder), ["empty"])


if __name__ == "__main__":
    VSF = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
