#!/usr/bin/env python3
"""The demonstration of `./dev run`: four neighbours with sample music, a Soulseek server and your node, on loopback, each
step said. In the end the server dies, and the music goes on.

Ends with Ctrl-C; with --once right after the downloads.
"""

import argparse
import json
import pathlib
import re
import shutil
import sys
import tempfile

SUPPORT = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(SUPPORT), str(SUPPORT / "soulseek_server")]
from mesh import Failure, Mesh, free_port, make_audio, published, sha256_of, wait_for  # noqa: E402
from soulseek_client import Server  # noqa: E402

NEIGHBOURS = 4


def say(text):
    print(f"\033[1m=>\033[0m {text}", flush=True)


def share(manifest, music, folder):
    """Every file goes to two neighbours; gives how many each got."""
    counts = [0] * NEIGHBOURS
    for number, item in enumerate(manifest):
        for copy in range(2):
            target = folder / f"library-{(number + copy) % NEIGHBOURS}" / item["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(music / item["path"], target)
            counts[(number + copy) % NEIGHBOURS] += 1
    return counts


def client_of(server, user):
    return {"soulseek": {"enabled": True, "server": f"127.0.0.1:{server.port}", "username": user, "password": f"secret of {user}",
                         "listen": f"127.0.0.1:{free_port()}"}}


def verified(done, item):
    path = done.stdout.strip().splitlines()[-1]
    if sha256_of(path) != item["sha256"]:
        raise Failure(f"{path} is not what was shared")
    say(f"downloaded and verified: {path}")


def soulseek_status(node):
    return json.loads(node.vsf("soulseek", "status", "--json").stdout)


def show_soulseek(mine, item):
    wait_for("your node is logged in", lambda: soulseek_status(mine)["state"] == "online", 60)
    words = re.findall(r"\w+", pathlib.PurePath(item["path"]).stem)

    def results():
        return json.loads(mine.vsf("soulseek", "search", *words, "--wait", "2", "--json").stdout)["results"]

    found = wait_for(f"somebody on Soulseek has {' '.join(words)}", results, 60)
    say(f"searched Soulseek for \"{' '.join(words)}\": {', '.join(sorted({f['user'] for f in found}))} have it")
    verified(mine.vsf("soulseek", "get", found[0]["result"]), item)


def run(mesh, folder, bin_dir, downloads, server):
    say("making 12 pieces of sample music (FLAC, MP3, Ogg) with MusicBrainz ids in their tags")
    music = folder / "music"
    manifest = make_audio(bin_dir, music, 12, mesh.seed, min_s=20, max_s=40)
    recordings = share(manifest, music, folder)

    say(f"starting {NEIGHBOURS} neighbours, each with a part of it")
    for i in range(NEIGHBOURS):
        mesh.add(f"neighbour-{i + 1}", library=[folder / f"library-{i}"], extra=client_of(server, f"neighbour-{i + 1}")).start()
    say("starting your node, which knows two of them by address and has no music")
    mine = mesh.add("yours", extra=client_of(server, "yours")).start()
    for node in mesh.nodes:
        node.wait_until_up(120)
    say(f"your node is up; its page: {mine.url}/")
    for node, count in zip(mesh.nodes, recordings):
        wait_for(f"{node.name} has published its music", lambda n=node, c=count: published(n, c), 120)
        say(f"{node.name} has signed what it serves and put it into the DHT")

    for item in manifest[:downloads]:
        mbid = item["recording"]
        found = wait_for("the recording is found", lambda m=mbid: mine.get(f"/api/v1/shadow-index/{m}?fresh=true")["candidates"], 30)
        sources = ", ".join(sorted({c["address"] or c["node"][:8] for c in found}))
        say(f"recording {mbid}: {len(found)} sources in the mesh ({sources}), {found[0]['codec']}, {found[0]['size']} bytes")
        verified(mine.vsf("get", mbid, "--wait"), item)
    say("no server was involved: " + ", ".join(n.mesh_address for n in mesh.nodes) + " talked to each other only")

    by_name, at_last = manifest[downloads:downloads + 2]
    show_soulseek(mine, by_name)
    server.stop()
    wait_for("your node notices that the server is gone", lambda: soulseek_status(mine)["state"] != "online", 60)
    say(f"the Soulseek server is gone: {soulseek_status(mine)['reason']}")
    verified(mine.vsf("get", at_last["recording"], "--wait"), at_last)
    say("the music goes on")
    return mine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--once", action="store_true", help="end after the downloads")
    parser.add_argument("--downloads", type=int, default=3, choices=range(1, 11), metavar="1-10", help="by the mesh, before the rest")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-demo-"))
    try:
        with Mesh(pathlib.Path(options.bin).resolve(), folder, network="demo/18") as mesh:
            with Server(options.bin) as server:
                mine = run(mesh, folder, options.bin, options.downloads, server)
            if not options.once:
                say(f"the page is open at {mine.url}/ ; Ctrl-C ends everything")
                mine.process.wait()
    except KeyboardInterrupt:
        say("ended")
    except Failure as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
