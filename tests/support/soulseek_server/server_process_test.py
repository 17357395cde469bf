#!/usr/bin/env python3
"""The Soulseek server for tests as a process, over sockets: logins, searches, misbehaviour."""

import argparse
import pathlib
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from soulseek_client import Client, Server, text, u32  # noqa: E402

BIN = None


class SoulseekServer(unittest.TestCase):
    def server(self, *arguments):
        server = Server(BIN, *arguments)
        self.addCleanup(server.stop)
        return server

    def client(self, server):
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def logged_in(self, server, name):
        client = self.client(server)
        client.login(name)
        self.assertEqual(client.expect(1).u8(), 1)
        return client

    def test_logs_in_and_searches(self):
        server = self.server("--motd", "hello", "--exclude", "bad words")
        alice = self.client(server)
        alice.login("alice")
        answer = alice.expect(1)
        self.assertEqual((answer.u8(), answer.text(), answer.u32()), (1, "hello", 0x7F000001))
        excluded = alice.expect(160)
        self.assertEqual((excluded.u32(), excluded.text()), (1, "bad words"))
        self.assertEqual(alice.expect(104).u32(), 720)
        bob = self.logged_in(server, "bob")
        alice.search(7, "some words")
        found = bob.expect(26)
        self.assertEqual((found.text(), found.u32(), found.text()), ("alice", 7, "some words"))
        self.assertEqual(server.wait_for("search", user="alice")["query"], "some words")
        bob.send(2, u32(2234) + u32(1) + u32(2235))
        server.wait_for("wait_port", user="bob", port="2234")
        alice.send(3, text("bob"))
        address = alice.expect(3)
        self.assertEqual((address.text(), address.u32(), address.u32(), address.u32()), ("bob", 0x7F000001, 2234, 1))
        self.assertEqual(server.do("online"), ["alice", "bob"])
        self.assertEqual(server.stop(), 0)

    def test_a_tree_embeds_searches_for_its_root(self):
        server = self.server("--tree")
        alice, bob = self.logged_in(server, "alice"), self.logged_in(server, "bob")
        alice.send(2, u32(2234))
        alice.send(71, b"\x01")
        alice.send(100, b"\x01")
        server.wait_for("branch_root", user="alice")
        bob.search(8, "x")
        embedded = alice.expect(93)
        self.assertEqual((embedded.u8(), embedded.rest()), (3, u32(0x31) + text("bob") + u32(8) + text("x")))
        bob.send(71, b"\x01")
        parents = bob.expect(102)
        self.assertEqual((parents.u32(), parents.text(), parents.u32(), parents.u32()), (1, "alice", 0x7F000001, 2234))

    def test_misbehaves_as_told(self):
        server = self.server("--user", "known:right")
        wrong = self.client(server)
        wrong.login("known", "wrong")
        refused = wrong.expect(1)
        self.assertEqual((refused.u8(), refused.text()), (0, "INVALIDPASS"))
        self.assertIsNone(wrong.read())
        alice, bob = self.logged_in(server, "alice"), self.logged_in(server, "bob")
        newer = self.logged_in(server, "alice")
        alice.expect(41)
        self.assertIsNone(alice.read())
        server.do("ban", user="alice")
        newer.send(64)
        again = self.client(server)
        again.login("alice")
        self.assertTrue(again.is_silent(0.3))
        server.wait_for("login_ignored", name="alice")
        self.assertTrue(server.do("kick", user="bob"))
        with self.assertRaises(EOFError):
            bob.expect(9999)
        carol = self.logged_in(server, "carol")
        carol.expect(84)
        server.do("slow", ms=700)
        carol.send(92)
        self.assertTrue(carol.is_silent(0.3))
        carol.expect(92)
        server.do("slow", ms=0)
        with self.assertRaises(ValueError):
            server.do("dance")

    def test_dies_and_comes_back_at_the_same_port(self):
        server = self.server()
        alice = self.logged_in(server, "alice")
        server.do("die")
        with self.assertRaises((EOFError, ConnectionResetError)):
            alice.expect(9999)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)
        server.do("come_back")
        bob = self.logged_in(server, "bob")
        server.do("refuse")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)
        bob.expect(84)
        bob.send(92)
        bob.expect(92)  # who is there stays


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    arguments, rest = parser.parse_known_args()
    BIN = arguments.bin
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
