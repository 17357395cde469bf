#!/usr/bin/env python3
"""Real processes on loopback: the ports of a node. Obfuscated connections, a router that maps them, network.bind."""

import argparse
import http.server
import pathlib
import random
import re
import socket
import struct
import sys
import threading
import unittest
import zlib

import soulseek_test
from soulseek_client import Client
from soulseek_test import API, Failure, free_port, wait_for


def text(value):
    return struct.pack("<I", len(value)) + value.encode()


def hidden(framed):
    """Obfuscation of type 1: a key, and the bytes xored with it; it is turned left by a bit before every four."""
    raw_key = random.randbytes(4)
    return raw_key + xored(framed, struct.unpack("<I", raw_key)[0])


def xored(data, key):
    out = bytearray()
    for at, byte in enumerate(data):
        if at % 4 == 0:
            key = ((key << 1) | (key >> 31)) & 0xFFFFFFFF
        out.append(byte ^ (key >> (8 * (at % 4)) & 0xFF))
    return bytes(out)


class Peer:
    """Another client, on an obfuscated connection."""

    def __init__(self, port, name):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        init = b"\x01" + text(name) + text("P") + struct.pack("<I", 0)
        self.sock.sendall(hidden(struct.pack("<I", len(init)) + init))

    def close(self):
        self.sock.close()

    def exactly(self, size):
        out = b""
        while len(out) < size:
            more = self.sock.recv(size - len(out))
            if not more:
                raise EOFError
            out += more
        return out

    def send(self, code, body=b""):
        self.sock.sendall(hidden(struct.pack("<II", len(body) + 4, code) + body))

    def read(self):
        """Code, body, and the bytes as they came."""
        raw = self.exactly(8)
        key = struct.unpack("<I", raw[:4])[0]
        size = struct.unpack("<I", xored(raw[4:8], key))[0]
        raw += self.exactly(size)
        plain = xored(raw[4:], key)
        return struct.unpack("<I", plain[4:8])[0], plain[8:], raw


class Router(http.server.ThreadingHTTPServer):
    """A UPnP gateway that keeps entries and gives every port away as another one is taken."""

    def __init__(self, taken=()):
        super().__init__(("127.0.0.1", 0), Gateway)
        self.entries, self.taken = {}, set(taken)
        self.url = f"http://127.0.0.1:{self.server_port}/root.xml"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Gateway(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self):
        service = ("<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>"
                   "<controlURL>/ctl</controlURL></service>")
        self.answer(f"<root><device><deviceList><device><deviceList><device><serviceList>{service}</serviceList></device>"
                    "</deviceList></device></deviceList></device></root>")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = self.headers["SOAPAction"].strip('"').split("#")[1]
        value = {name: text for name, text in re.findall(r"<(New\w+)>([^<]*)</", body)}
        entries = self.server.entries
        key = (value.get("NewProtocol"), int(value.get("NewExternalPort", 0)))
        if action == "GetExternalIPAddress":
            return self.answer("<r><NewExternalIPAddress>203.0.113.9</NewExternalIPAddress></r>")
        if action == "AddPortMapping" and key[1] not in self.server.taken:
            entries[key] = int(value["NewInternalPort"])
            return self.answer("<r/>")
        if action == "DeletePortMapping" and entries.pop(key, None):
            return self.answer("<r/>")
        code = 718 if action == "AddPortMapping" else 714
        return self.answer(f"<r><errorCode>{code}</errorCode></r>", 500)


class Ports(unittest.TestCase):
    setUp = soulseek_test.Soulseek.setUp
    node = soulseek_test.Soulseek.node
    found = soulseek_test.Soulseek.found
    fetched = soulseek_test.Soulseek.fetched

    def told_ports(self, user):
        """The plain and the obfuscated port that the server was told last."""
        event = [e for e in self.server.events("wait_port") if e["user"] == user][-1]
        return int(event["port"]), int(event["obfuscated_port"])

    def test_obfuscated_connections(self):
        anna = self.node("anna", {"01 Northern Lights.flac": 300_000, "cover.jpg": 1_000})
        plain, port = self.told_ports("anna")
        self.assertNotIn(port, (0, plain))
        peer = Peer(port, "carl")
        self.addCleanup(peer.close)
        peer.send(4)
        code, body, raw = peer.read()
        self.assertEqual(code, 5)
        shares = zlib.decompress(body)
        self.assertIn(b"01 Northern Lights.flac", shares)
        self.assertNotIn(struct.pack("<I", 5), raw[8:12])
        # Two nodes reach each other so, and the file itself goes in the plain.
        bert = self.node("bert", {"empty.txt": 0})
        (result,) = self.found(bert, "northern lights")
        done = self.fetched(bert, "anna", {"path": result["files"][0]["path"], "size": result["files"][0]["size"]})
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(bert.get(f"{API}/users/anna/shares")["files_total"], 2)
        # On a port that isn't for it nobody is understood.
        stranger = Peer(plain, "dora")
        self.addCleanup(stranger.close)
        with self.assertRaises((EOFError, OSError)):
            stranger.send(4)
            stranger.read()

    def test_obfuscation_off(self):
        self.node("anna", {"cover.jpg": 10}, obfuscation=False)
        self.assertEqual(self.told_ports("anna")[1], 0)

    def test_a_router_maps_the_ports(self):
        port = free_port()
        router = Router(taken=[port])
        self.addCleanup(router.stop)
        anna = self.node("anna", {"cover.jpg": 10}, network={"router": router.url}, listen=f"127.0.0.1:{port}")
        wait_for("the ports are mapped", lambda: anna.gauge("port_mapping", "ports_mapped") == 2, 30)
        (outside,) = [external for (_, external), internal in router.entries.items() if internal == port]
        self.assertNotEqual(outside, port)
        wait_for("the server knows", lambda: self.told_ports("anna")[0] == outside, 30)
        notes = anna.report("port_mapping")["notes"]
        self.assertIn(f"Soulseek TCP {port} is reached at 203.0.113.9:{outside} by UPnP, another port than the node's own",
                      notes)
        anna.stop()
        self.assertEqual(router.entries, {})

    def test_bound_to_an_address(self):
        port = free_port()
        self.node("anna", {"cover.jpg": 10}, network={"bind": "127.0.0.9"}, listen=f"0.0.0.0:{port}")
        with socket.create_connection(("127.0.0.9", port), timeout=10):
            pass
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)
        client = Client(self.server.port)
        self.addCleanup(client.close)
        client.login("eve")
        client.send(3, text("anna"))
        address = client.expect(3)
        self.assertEqual((address.text(), address.u32()), ("anna", 0x7F000009))

    def test_bound_to_what_is_not_there(self):
        with self.assertRaises(Failure):
            self.node("anna", {"cover.jpg": 10}, patience_s=3, network={"bind": "nosuchif0"})
        self.assertIn("network.bind can't be kept to (no such device)", self.log_of("anna"))

    def log_of(self, user):
        return (self.folder / user / "log").read_text(errors="replace")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    arguments, rest = parser.parse_known_args()
    soulseek_test.BIN = pathlib.Path(arguments.bin)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
