#!/usr/bin/env python3
"""The demonstration of `./dev run`: four neighbours with sample music and your node, on loopback, each step said.

Ends with Ctrl-C; with --once right after the downloads.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from mesh import Failure, Mesh, make_audio, published, sha256_of, wait_for  # noqa: E402

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


def run(mesh, folder, bin_dir, downloads):
    say("making 12 pieces of sample music (FLAC, MP3, Ogg) with MusicBrainz ids in their tags")
    music = folder / "music"
    manifest = make_audio(bin_dir, music, 12, mesh.seed, min_s=20, max_s=40)
    recordings = share(manifest, music, folder)

    say(f"starting {NEIGHBOURS} neighbours, each with a part of it")
    for i in range(NEIGHBOURS):
        mesh.add(f"neighbour-{i + 1}", library=[folder / f"library-{i}"]).start()
    say("starting your node, which knows two of them by address and has no music")
    mine = mesh.add("yours").start()
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
        done = mine.vsf("get", mbid, "--wait")
        path = done.stdout.strip().splitlines()[-1]
        if sha256_of(path) != item["sha256"]:
            raise Failure(f"{path} is not what was shared")
        say(f"downloaded and verified: {path}")
    say("no server was involved: " + ", ".join(n.mesh_address for n in mesh.nodes) + " talked to each other only")
    return mine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--once", action="store_true", help="end after the downloads")
    parser.add_argument("--downloads", type=int, default=3)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vsf-demo-"))
    try:
        with Mesh(pathlib.Path(options.bin).resolve(), folder, network="demo/18") as mesh:
            mine = run(mesh, folder, options.bin, options.downloads)
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
