#!/usr/bin/python3
"""Drives the Soulseek view of the built page in a browser against a made-up node that tells of changes by events.

usage: soulseek_page_test.py CHROMIUM PAGE_FOLDER
"""
import base64
import hashlib
import json
import pathlib
import struct
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import page_test  # noqa: E402

API = "/api/v1/soulseek"


def file(path, **more):
    return {"path": path, "size": 1000, "bitrate_kbps": 0, "duration_s": 245, "sample_rate_hz": 0, "bit_depth": 0, "vbr": False,
            "restricted": False, **more}


def transfer(id, path, **more):
    return {"id": id, "upload": False, "user": "bert", "path": path, "file": "", "size": 1000, "bytes_done": 250,
            "rate_bytes_per_s": 50, "state": "transferring", "place": 0, "reason": "", **more}


def message(id, text, from_us=False):
    return {"id": id, "from_us": from_us, "at_ms": 1700000000000, "text": text, "unread": False}


class Handler(page_test.Handler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.split("?")[0] != "/api/v1/events":
            return super().do_GET()
        # RFC 6455, 4.2.2; what the page sends is not read.
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        self.server.listeners.append(self.wfile)
        self.server.over.wait()


class Node(page_test.Node):
    steps = "soulseek_steps.js"

    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = Handler
        self.listeners = []
        self.over = threading.Event()
        self.away = False
        self.transfers = [transfer(4, "m\\song.flac")]
        self.uploads = [transfer(5, "m\\upload.mp3", upload=True)]
        self.messages = [message(1, "hello <b>you</b>")]
        self.wishes = []
        self.results = [
            {"user": "bert", "free_slot": True, "speed_bytes_per_s": 5000, "queue": 0, "files": [
                file("m\\x <img src=x onerror=alert(1)>.mp3", bitrate_kbps=320),
                file("m\\best.flac", bit_depth=24, sample_rate_hz=96000)]},
            {"user": "anna", "free_slot": False, "speed_bytes_per_s": 9000, "queue": 3, "files": [file("a\\late.flac", bit_depth=16)]}]

    def server_close(self):
        self.over.set()
        super().server_close()

    def answers(self):
        person = {"name": "carl", "buddy": True, "banned": False, "ignored": False, "note": "", "configured": False, "status": "online",
                  "speed_bytes_per_s": 0, "uploads": 0, "files": 1, "folders": 1, "country": "", "messages_dropped": 0}
        folders = [{"path": path, "restricted": False, "files": [file("01 Song.mp3")]}
                   for path in ("music\\Artist\\Album", "music\\Artist\\Other", "music\\Another")]
        return {**super().answers(),
                API: {"state": "online", "reason": "", "until_ms": 0, "username": "me", "server": "s:1", "listen": "", "shared_files": 1,
                      "shared_folders": 1, "peer_links": 0, "parent": "", "branch_level": 0, "branch_root": "", "children": 0,
                      "downloads_active": 0, "uploads_active": 0, "uploads_queued": 0, "privileged_s": 0, "server_answers": True,
                      "server_latency_ms": 3, "away": self.away},
                f"{API}/searches/12": {"search": 12, "text": "some words", "running": False, "users": 2, "files": 3, "dropped": 0,
                                       "results": self.results},
                f"{API}/users/bert": {"user": "bert", "description": "shares <i>music</i>", "picture_size": 0, "upload_slots": 2, "queue": 0,
                                      "free_slot": True},
                f"{API}/users/bert/shares": {"user": "bert", "folders_total": 3, "files_total": 3, "folders": folders},
                f"{API}/downloads": {"total": len(self.transfers), "transfers": self.transfers},
                f"{API}/uploads": {"total": len(self.uploads), "transfers": self.uploads},
                f"{API}/messages": {"total": 1, "unread": 0, "conversations": [
                    {"user": "bert", "messages": 1, "unread": 0, "last": self.messages[-1]}]},
                f"{API}/messages/bert": {"user": "bert", "more": False, "messages": self.messages},
                f"{API}/rooms": {"total": 1, "rooms": [{"room": "Indie", "users": 7, "kind": "public", "operated": False, "joined": False}]},
                f"{API}/rooms/Indie": {"room": "Indie", "joined": True, "private": False, "owner": "", "operators": [], "users_total": 0,
                                       "users": [], "tickers": [], "messages": [{"user": "bert", "at_ms": 1, "text": "welcome"}]},
                f"{API}/wishes": {"interval_s": 720, "wishes": self.wishes},
                f"{API}/interests": {"likes": [], "hates": []},
                f"{API}/people": {"messages_dropped": 0, "people": [person]}}

    def told(self, method, path, body):
        if path == "/happen":
            return self.happen(body["what"])
        self.asked.append((method, path.removeprefix(API), body))
        if path.endswith("/away"):
            self.away = body["away"]
        if method == "DELETE" and path.startswith(f"{API}/downloads/"):
            self.transfers = []
        if path == f"{API}/searches":
            return {"search": 12}
        return {"accepted": True, "files": 2, "bytes": 5, "refused": 0, "reason": ""}

    def happen(self, what):
        if what == "completed":
            self.transfers = [transfer(4, "m\\song.flac", state="completed", bytes_done=1000, file="/d/song.flac")]
            event = {"kind": "transfer_changed", "subject": "soulseek/4"}
        else:
            self.messages.append(message(2, "are you there?"))
            event = {"kind": "note", "subject": "soulseek/message/bert"}
        raw = json.dumps({"seq": len(self.asked), "time_ms": 1700000000000, "text": "x", **event}).encode()
        for listener in self.listeners:
            listener.write(b"\x81" + (bytes([len(raw)]) if len(raw) < 126 else b"\x7e" + struct.pack(">H", len(raw))) + raw)
            listener.flush()
        return {}


class SoulseekPage(unittest.TestCase):
    def test_the_soulseek_view(self):
        node = Node()
        result = page_test.drive(node)
        self.assertNotIn("problem", result, result)
        saw = result["saw"]
        self.assertEqual(saw["address"], "#soulseek/search/12")
        self.assertEqual(saw["results"], ["best.flac", "x <img src=x onerror=alert(1)>.mp3", "late.flac"])
        self.assertEqual(saw["facts"], "96 kHz/24 bit \u00b7 4:05 \u00b7 1.0 kB \u00b7 free slot \u00b7 5.0 kB/s")
        self.assertEqual(saw["elements_from_users"], 0)
        self.assertEqual(saw["filtered"], "late.flac")
        self.assertTrue(saw["closed"] and saw["focused"])
        self.assertEqual(saw["top"], "music")
        self.assertEqual(saw["about"], "shares <i>music</i>")
        self.assertIn("250 B of 1.0 kB", saw["progress"])
        self.assertEqual(saw["room"], "#soulseek/rooms/Indie")
        self.assertEqual(node.asked, [
            ("POST", "/away", {"away": True}),
            ("POST", "/searches", {"text": "some words", "user": "bert"}),
            ("POST", "/downloads", {"user": "bert", "path": "m\\best.flac", "size": 1000}),
            ("POST", "/downloads", {"user": "bert", "folder": "m"}),
            ("POST", "/downloads", {"user": "bert", "path": "music\\Artist\\Album\\01 Song.mp3", "size": 1000}),
            ("POST", "/downloads", {"user": "bert", "folder": "music\\Artist\\Album"}),
            ("DELETE", "/downloads/4", {}),
            ("POST", "/uploads/5/cancel", {}),
            ("POST", "/messages", {"user": "bert", "text": "yes"}),
            ("POST", "/rooms", {"room": "Indie", "private": False}),
            ("POST", "/wishes", {"text": "rare song"}),
            ("PUT", "/people/carl", {"buddy": True, "banned": True, "ignored": False, "note": ""})])


if __name__ == "__main__":
    page_test.CHROMIUM, page_test.PAGE = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
    unittest.main(verbosity=2)
