#!/usr/bin/python3
"""Drives the built page in a browser against a made-up node: the downloads view, its panels and its limits.

usage: page_test.py CHROMIUM PAGE_FOLDER
"""
import http.server
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import unittest

CHROMIUM = ""
PAGE = pathlib.Path()
HERE = pathlib.Path(__file__).parent
PATIENCE_S = 120
MBIDS = ["11111111-7e6a-48da-86a9-c1c07a0f47ae", "22222222-7e6a-48da-86a9-c1c07a0f47ae"]


def source(number, **more):
    return {"node": f"{number:040x}", "address": f"10.0.0.{number}:50315", "state": "active", "bytes": 0, "bad_leaves": 0,
            "rate_bytes_per_s": 0, "bytes_asked": 0, "reason": None, **more}


def download(number, name, **more):
    return {"id": f"{number:032x}", "mbid": MBIDS[number - 1], "state": "transferring", "variant": None, "bytes_total": 1000,
            "bytes_verified": 600, "bytes_received": 640, "bytes_kept": 0, "bytes_wasted": 32, "rate_bytes_per_s": 100,
            "priority": "normal", "place": None, "chunks": [], "sources": [], "rejections": [], "path": f"/d/{name}",
            "sha256": None, "content": None, "reason": None, "created_ms": 1, "finished_ms": None, **more}


class Node(http.server.ThreadingHTTPServer):
    """What the page asks of a node; keeps what it is told."""
    daemon_threads = True
    steps = "page_steps.js"  # what is done in the page

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.driven = queue.Queue()
        self.asked = []
        self.limits = {"upload_limit_kib": 0, "download_limit_kib": 0, "upload_limit_per_peer_kib": 0, "upload_slots": 8,
                       "active_downloads": 4, "note": "a change holds until the node ends"}
        self.downloads = [
            download(1, "song-one", chunks=[255, 0, 1, 128], bytes_verified=500, sources=[
                source(1, bytes=480, rate_bytes_per_s=2000, bytes_asked=32),
                source(2, state="banned", bytes=20, bad_leaves=1, reason="sent <b>other</b> bytes")],
                     rejections=[{"publisher": "a" * 64, "node": "b" * 40, "root": "c" * 64,
                                  "reason": "it lasts 31 s, the recording 245 s", "at_ms": 1700000000000}]),
            download(2, "song-two", state="queued", place=2)]

    def answers(self):
        """By path, to GET."""
        return {"/api/v1/downloads": {"downloads": self.downloads, "next_offset": None}, "/api/v1/transfers/limits": self.limits,
                "/api/v1/events/history": {"events": []},
                "/api/v1/status": {"node": None, "identity": None, "network": "x", "version": "0", "ready": True, "puzzle": None,
                                   "started_ms": 1, "now_ms": 2, "components": [], "peers": []}}

    def told(self, method, path, body):
        """The answer to anything else."""
        if method == "PUT":
            self.limits = body
            return body
        self.asked.append((path, body))
        return self.control(*path.split("/")[-2:], body)

    def control(self, id, verb, body):
        (found,) = [d for d in self.downloads if d["id"] == id]
        found.update({"pause": {"state": "paused"}, "resume": {"state": "transferring"}, "cancel": {"state": "cancelled", "place": None},
                      "priority": {"priority": body.get("priority")}, "move": {"place": body.get("place")}}[verb])
        return found


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, body, kind="application/json", status=200):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self):
        path = self.path.split("?")[0]
        node = self.server
        answers = node.answers()
        if path in answers:
            return self.reply(answers[path])
        if path == "/page_steps.js":
            return self.reply((HERE / node.steps).read_bytes(), "text/javascript")
        if path == "/page_look.js":
            return self.reply((HERE / "page_look.js").read_bytes(), "text/javascript")
        file = PAGE / (path.lstrip("/") or "index.html")
        if not file.is_file():
            return self.reply({"error": {"code": "not_found", "message": "there is nothing"}}, status=404)
        raw = file.read_bytes()
        if file.name == "index.html":
            raw = raw.replace(b"</head>", b'<script type="module" src="/page_steps.js"></script></head>')
        kind = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}[file.suffix]
        return self.reply(raw, kind)

    def told(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return json.loads(raw) if raw else {}

    def do_POST(self):
        body = self.told()
        if self.path == "/driven":
            self.server.driven.put(body)
            return self.reply({})
        return self.reply(self.server.told(self.command, self.path, body))

    do_PUT = do_DELETE = do_POST


def drive(node):
    """What the steps in the page saw."""
    threading.Thread(target=node.serve_forever, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = subprocess.Popen(
                [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", f"--user-data-dir={profile}", f"http://127.0.0.1:{node.server_address[1]}/"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                return node.driven.get(timeout=PATIENCE_S)
            finally:
                browser.terminate()
                browser.wait()
    finally:
        node.shutdown()
        node.server_close()


class Page(unittest.TestCase):
    def test_the_downloads_view(self):
        node = Node()
        result = drive(node)
        self.assertNotIn("problem", result, result)
        saw = result["saw"]
        self.assertIn("500 B of 1.0 kB", saw["facts"])
        self.assertIn("1 of 2 sources active", saw["facts"])
        self.assertTrue(saw["closed"] and saw["focused"])
        self.assertIn("1 culprit", saw["marked"])
        self.assertIn("1 rejected", saw["marked"])
        self.assertEqual(saw["map"], "Map of the file: 1 of 4 parts verified, 2 begun")
        self.assertEqual(saw["cells"], ["1.00", "0.00", "0.25", "0.63"])
        good, culprit = saw["sources"]
        self.assertEqual(good, {"culprit": False, "share": 480, "cells": [
            "10.0.0.1:50315", "000000000000", "active", "48%, 480 B", "2.0 kB/s", "32 B", "0", ""]})
        self.assertEqual(culprit, {"culprit": True, "share": 20, "cells": [
            "10.0.0.2:50315", "000000000000", "culprit, banned", "2%, 20 B", "-", "-", "1", "sent <b>other</b> bytes"]})
        self.assertIn("it lasts 31 s, the recording 245 s", saw["rejections"])
        self.assertIn("640 B received, of which 32 B (5%) were of no use", saw["wasted"])
        self.assertEqual((saw["slots"], saw["note"]), ("8", "A change holds until the node ends."))
        one, two = (f"/api/v1/downloads/{n:032x}" for n in (1, 2))
        self.assertEqual(node.asked, [(f"{one}/pause", {}), (f"{one}/resume", {}), (f"{one}/priority", {"priority": "high"}),
                                      (f"{two}/move", {"place": 4}), (f"{two}/cancel", {})])
        self.assertEqual((node.limits["download_limit_kib"], node.limits["upload_slots"]), (700, 8))


if __name__ == "__main__":
    CHROMIUM, PAGE = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
    unittest.main(verbosity=2)
