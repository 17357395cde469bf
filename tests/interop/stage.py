"""A Soulseek server, nodes of ours and other people's clients on loopback, for the tests of this folder."""

import contextlib
import json
import pathlib
import random
import shutil
import socket
import sys
import tempfile
import unittest

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path[:0] = [str(SUPPORT), str(SUPPORT / "soulseek_server")]
from mesh import Failure, Node, free_port, sha256_of, wait_for  # noqa: E402
from soulseek_client import Client, LineProcess, Server  # noqa: E402

API = "/api/v1/soulseek"
DRIVERS = pathlib.Path(__file__).resolve().parent


class Foreign(LineProcess):
    """Another client, run by one of the drivers here (their words and events: driver_lines.py)."""

    def __init__(self, driver, checkout, folder, user, server_port, music, upload_kib=0, obfuscated_port=0):
        self.name, self.folder, self.music = user, pathlib.Path(folder), pathlib.Path(music)
        self.folder.mkdir(parents=True, exist_ok=True)
        given = {"checkout": str(checkout), "folder": str(folder), "server_port": server_port, "listen_port": free_port(),
                 "obfuscated_port": obfuscated_port, "user": user, "music": str(music), "upload_kib": upload_kib}
        self.errors = open(self.folder / "log", "ab")
        home = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        super().__init__(["/usr/bin/python3", DRIVERS / driver, json.dumps(given)], 60, stderr=self.errors, env=home)
        self.wait_for("online")

    def stop(self):
        try:
            return super().stop()
        finally:
            self.errors.close()

    def kill(self):
        self.process.kill()
        with contextlib.suppress(BrokenPipeError):
            super().stop()
        self.errors.close()

    def asked(self, word, what, user):
        """The event that answers a command about a user."""
        before = len(self.log)
        self.do(word, user=user)

        def said():
            return next((e for e in self.log[before:] if e["user"] == user and e["event"] in (what, "failed")), None)
        return wait_for(f"{self.name} has {user}'s {what}", said, 90)

    def found(self, user, text):
        token = self.do("search", text=text)
        return self.wait_for("found", token=token, user=user)["files"]

    def transfer(self, user, path, upload=False):
        return next((t for t in self.do("transfers") if (t["user"], t["path"], t["upload"]) == (user, path, upload)), None)

    def fetched(self, user, path, size, timeout_s=90, start=True):
        """Where the file is, once it has arrived."""
        if start:
            self.do("download", user=user, path=path, size=size)

        def ended():
            mine = self.transfer(user, path)
            return mine if mine and mine["state"] in ("Finished", "COMPLETE") else None
        try:
            return wait_for(f"{self.name} has {path}", ended, timeout_s)["file"]
        except Failure as late:
            raise Failure(f"{late}; it says {self.transfer(user, path)}") from None


class Stage(unittest.TestCase):
    bin = None
    seed = random.randrange(1 << 30)
    server_arguments = ()

    def setUp(self):
        print(f"seed={self.seed}")
        self.random = random.Random(self.seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-interop-"))
        self.addCleanup(self.clear_away)
        self.server = Server(self.bin, *self.server_arguments)
        self.addCleanup(self.server.stop)

    def clear_away(self):
        """The logs of what went wrong stay."""
        if any(problem for _, problem in self._outcome.result.failures + self._outcome.result.errors):
            print(f"logs are in {self.folder}")
        else:
            shutil.rmtree(self.folder)

    def music(self, user, files):
        """A folder with files of these sizes."""
        album = self.folder / f"{user}-music" / "Some Artist" / "An Album"
        album.mkdir(parents=True)
        for name, size in files.items():
            (album / name).write_bytes(self.random.randbytes(size))
        return album

    def node(self, user, files, upload_kib=0, **soulseek):
        (self.folder / user).mkdir()
        album = self.music(user, files)
        downloads, incomplete = self.folder / user / "downloads", self.folder / user / "incomplete"
        downloads.mkdir()
        incomplete.mkdir()
        node = Node(self.bin, self.folder, user, "test/0", library=[album.parents[1]], upload_limit_kib=upload_kib, extra={
            "mesh": {"enabled": False},
            "transfers": {"download_dir": str(downloads), "incomplete_dir": str(incomplete), "upload_limit_kib": upload_kib},
            "soulseek": {"enabled": True, "server": f"127.0.0.1:{self.server.port}", "username": user,
                         "password": f"secret of {user}", "listen": f"127.0.0.1:{free_port()}",
                         "description": f"this is {user}", **soulseek}})
        node.music, node.shared = album, len(files)
        self.start(node)
        self.addCleanup(node.stop)
        return node

    def start(self, node):
        node.start()

        def online():
            try:
                status = node.get(API)
            except (OSError, Failure):
                return False
            return status["state"] == "online" and status["shared_files"] == node.shared

        wait_for(f"{node.name} is online", online, 60)

    def black_hole(self):
        """A port that drops whoever knocks, as a firewall does."""
        trap = socket.socket()
        self.addCleanup(trap.close)
        trap.bind(("127.0.0.1", 0))
        trap.listen(0)
        for _ in range(4):
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(trap.getsockname())
        return trap.getsockname()[1]

    def firewall(self, *clients):
        for client in clients:
            self.server.do("firewall", user=client.name, port=self.black_hole())

    def found(self, node, user, text, timeout_s=40):
        """The files one user has for it."""
        search = node.request("POST", f"{API}/searches", {"text": text})["search"]

        def results():
            return [r for r in node.get(f"{API}/searches/{search}")["results"] if r["user"] == user]
        return wait_for(f"{user} has {text}", results, timeout_s)[0]["files"]

    def browsed(self, node, user):
        """The paths of all that a user shares."""
        shares = node.request("GET", f"{API}/users/{user}/shares", timeout_s=60)
        return [f"{folder['path']}\\{f['path']}" for folder in shares["folders"] for f in folder["files"]]

    def described(self, node, user):
        return node.request("GET", f"{API}/users/{user}", timeout_s=60)["description"]

    def ask(self, node, user, path, size):
        return node.request("POST", f"{API}/downloads", {"user": user, "path": path, "size": size})["id"]

    def transfer(self, node, number):
        return next(t for t in node.get(f"{API}/downloads")["transfers"] if t["id"] == number)

    def ended(self, node, number, timeout_s=90):
        """A download when it has arrived or failed."""
        def over():
            mine = self.transfer(node, number)
            return mine if mine["state"] in ("completed", "failed") else None
        try:
            return wait_for(f"download {number} of {node.name}", over, timeout_s)
        except Failure as late:
            raise Failure(f"{late}; it says {self.transfer(node, number)}") from None

    def assert_fetches(self, node, user, path, original, timeout_s=90):
        done = self.ended(node, self.ask(node, user, path, original.stat().st_size), timeout_s)
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(sha256_of(done["file"]), sha256_of(original))

    def wait_until_flowing(self, node, number, least_bytes):
        wait_for(f"{node.name} has {least_bytes} bytes",
                 lambda: self.transfer(node, number)["bytes_done"] >= least_bytes, 60)


def own_path(music, name):
    """How our nodes call a shared file."""
    return "\\".join([music.parents[1].name, *music.parts[-2:], name])
