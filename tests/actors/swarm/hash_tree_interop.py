#!/usr/bin/python3
"""Compares our hash-tree roots to the `pieces root` libtorrent writes into version 2 torrents.

usage: hash_tree_interop.py HASH_TREE_ROOT_PROGRAM
"""
import os
import random
import subprocess
import sys
import tempfile

import libtorrent as lt

MIB = 1 << 20
SIZES = [0, 1, 16383, 16384, 16385, 3 * 16384, 5 * 16384 + 7, MIB - 1, MIB, MIB + 1, 3 * MIB, 50 * MIB]


def pieces_root(folder, name):
    files = lt.file_storage()
    lt.add_files(files, os.path.join(folder, name))
    torrent = lt.create_torrent(files, piece_size=MIB, flags=lt.create_torrent.v2_only)
    lt.set_piece_hashes(torrent, folder)
    node = torrent.generate()[b"info"][b"file tree"][name.encode()][b""]
    return node[b"length"], node.get(b"pieces root")


def main():
    program = sys.argv[1]
    chance = random.Random(7)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = os.path.join(folder, f"{size}.bin")
            with open(path, "wb") as out:
                out.write(chance.randbytes(size))
            ours = subprocess.run([program, path], check=True, capture_output=True, text=True).stdout.strip()
            if size == 0:
                # BEP 52: an empty file has no pieces root, and libtorrent makes no torrent of nothing.
                expected = "00" * 32
            else:
                length, root = pieces_root(folder, f"{size}.bin")
                assert length == size and root is not None, (size, length, root)
                expected = root.hex()
            bad += ours != expected
            print(f"{size:>10} {'same' if ours == expected else 'DIFFERENT'} {ours} {expected}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
