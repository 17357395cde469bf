"""Just enough of a Soulseek client, and the process of the server, for tests. Loopback only."""

import collections
import hashlib
import json
import pathlib
import queue
import socket
import struct
import subprocess
import threading
import time


def text(value):
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(raw)) + raw


def u32(value):
    return struct.pack("<I", value)


class Body:
    """Reads a message's fields in their order."""

    def __init__(self, raw):
        self.raw = raw
        self.at = 0

    def take(self, size):
        if self.at + size > len(self.raw):
            raise ValueError(f"{size} bytes wanted at {self.at} of {len(self.raw)}")
        self.at += size
        return self.raw[self.at - size : self.at]

    def u8(self):
        return self.take(1)[0]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def text(self):
        return self.take(self.u32()).decode()

    def rest(self):
        return self.raw[self.at :]


class Client:
    """A connection to the server."""

    def __init__(self, port, patience=10):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.pending = b""
        self.kept = collections.deque()  # messages that nobody has asked for yet

    def close(self):
        self.sock.close()

    def send(self, code, body=b""):
        self.sock.sendall(u32(len(body) + 4) + u32(code) + body)

    def login(self, name, password="secret", version=177):
        digest = hashlib.md5((name + password).encode()).hexdigest()
        self.send(1, text(name) + text(password) + u32(version) + text(digest) + u32(1))

    def search(self, token, query):
        self.send(26, u32(token) + text(query))

    def read(self):
        """The next message, (code, Body); None at the end of the connection."""
        while len(self.pending) < 4 or len(self.pending) < 4 + struct.unpack("<I", self.pending[:4])[0]:
            more = self.sock.recv(65536)
            if not more:
                return None
            self.pending += more
        size = struct.unpack("<I", self.pending[:4])[0]
        frame, self.pending = self.pending[4 : 4 + size], self.pending[4 + size :]
        return struct.unpack("<I", frame[:4])[0], Body(frame[4:])

    def expect(self, code):
        """The body of the next message with that code; others are kept for a later call."""
        for kept in self.kept:
            if kept[0] == code:
                self.kept.remove(kept)
                return kept[1]
        while True:
            got = self.read()
            if got is None:
                raise EOFError(f"the connection ended while waiting for code {code}")
            if got[0] == code:
                return got[1]
            self.kept.append(got)

    def is_silent(self, seconds):
        """Whether nothing comes for so long, not even the end."""
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
            return False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(before)


class LineProcess:
    """A process that tells events and takes commands, both as lines of JSON. It ends with its stdin."""

    def __init__(self, command, patience=20, **popen):
        self.patience = patience
        self.log = []  # all events so far
        self.answers = queue.Queue()
        self.arrived = threading.Condition()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, **popen)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in ("done", "error"):
                self.answers.put(event)
                continue
            with self.arrived:
                self.log.append(event)
                self.arrived.notify_all()

    def stop(self):
        """Ends it by closing its stdin; its exit code."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        code = self.process.wait(self.patience)
        self.reader.join(self.patience)
        self.process.stdout.close()
        return code

    def do(self, word, **arguments):
        """A command; its result. The server's are in control.hpp."""
        self.process.stdin.write(json.dumps({"do": word, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = self.answers.get(timeout=self.patience)
        if answer["event"] == "error":
            raise ValueError(answer["why"])
        return answer.get("result")

    def events(self, what, **fields):
        with self.arrived:
            return [e for e in self.log if e["event"] == what and all(e.get(k) == v for k, v in fields.items())]

    def wait_for(self, what, **fields):
        """The first such event of the whole log, once it's there."""
        end = time.monotonic() + self.patience
        while True:
            found = self.events(what, **fields)
            if found:
                return found[0]
            with self.arrived:
                if time.monotonic() > end or (self.process.poll() is not None and not self.reader.is_alive()):
                    raise TimeoutError(f"no {what} {fields} in the log of {self.process.args[0]}: {self.log[-20:]}")
                self.arrived.wait(0.2)


class Server(LineProcess):
    """The process vsf-soulseek-server. `with Server(bin) as server: server.port, server.do("ban", user="x")`."""

    def __init__(self, bin_dir, *arguments, patience=20):
        super().__init__([pathlib.Path(bin_dir) / "vsf-soulseek-server", *arguments], patience)
        self.port = self.wait_for("listening")["port"]
