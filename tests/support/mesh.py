"""Real vsfd processes on loopback, for end-to-end tests and the demonstration of `./dev run`.

Standard library only. Every process started here is ended here, by pid.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

POLL_S = 0.05
GIVEN = set()  # ports


class Failure(Exception):
    pass


def free_port() -> int:
    """A number free for both UDP and TCP now and not in use by this test. Below the range from which the kernel gives
    outgoing sockets theirs, so that nobody gets it by chance before a node binds it."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = random.SystemRandom().randrange(min(10_000, lowest - 1), lowest)
        if port in GIVEN:
            continue
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tcp, \
                contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
        GIVEN.add(port)
        return port
    raise Failure("no free port on 127.0.0.1")


def sha256_of(path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wait_for(what: str, condition, timeout_s: float):
    """Asks until the condition gives something true; the processes under test offer no other way to be awaited."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(POLL_S)


def published(node, recordings):
    """Whether at least so many recordings of a node are alive at holders in the DHT."""
    report = node.report("shadow_index/publisher")
    gauges = {g["name"]: g["value"] for g in report["gauges"]} if report else {}
    return gauges.get("keys", 0) >= recordings and gauges.get("keys_pending", 1) == 0 and gauges.get("leaves_to_build", 1) == 0


class Node:
    """One vsfd with a folder, ports and a log of its own."""

    def __init__(self, bin_dir, folder, name, network, bootstrap=(), library=(), upload_limit_kib=0, extra=None):
        self.bin = pathlib.Path(bin_dir)
        self.folder = pathlib.Path(folder) / name
        self.name = name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mesh_port = free_port()
        self.http_port = free_port()
        self.log = self.folder / "log"
        self.process = None
        settings = {
            "node": {"data_dir": str(self.folder / "data"), "listen": f"127.0.0.1:{self.mesh_port}", "network": network,
                     "bootstrap": list(bootstrap)},
            "gateway": {"listen": f"127.0.0.1:{self.http_port}"},
            "library": {"paths": [str(p) for p in library]},
            "transfers": {"upload_limit_kib": upload_limit_kib},
            "log": {"level": "debug"},
        }
        for block, keys in (extra or {}).items():
            settings.setdefault(block, {}).update(keys)
        self.config = self.folder / "vsf.yml"
        self.config.write_text(json.dumps(settings, indent=1))  # JSON is YAML
        self.config.chmod(0o600)  # it may hold a password

    @property
    def mesh_address(self):
        return f"127.0.0.1:{self.mesh_port}"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http_port}"

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.bin / "vsfd", "--config", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        return self

    def wait_until_up(self, timeout_s=60):
        def up():
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                return self.get("/health").get("ready")
            except (OSError, Failure):
                return False
        wait_for(f"{self.name} is up", up, timeout_s)
        return self

    def kill(self):
        """As a power cut for the process: kill -9."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self, timeout_s=15):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failure(f"{self.name} did not stop within {timeout_s} s:\n{self.log_tail()}") from None
        return self.process.returncode if self.process else 0

    def request(self, method, path, body=None, timeout_s=15):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            raise Failure(f"{method} {path} on {self.name}: {problem.code} {problem.read()[:300]!r}") from None

    def get(self, path):
        return self.request("GET", path)

    def report(self, path):
        """The component report of that path in the status."""
        return next((r for r in self.get("/api/v1/status")["components"] if r["path"] == path), None)

    def counter(self, component, name, label=""):
        report = self.report(component) or {"counters": []}
        return sum(c["value"] for c in report["counters"] if c["name"] == name and (not label or c.get("label") == label))

    def gauge(self, component, name):
        report = self.report(component) or {"gauges": []}
        return sum(g["value"] for g in report["gauges"] if g["name"] == name)

    def download(self, mbid):
        return self.request("POST", "/api/v1/downloads", {"mbid": mbid})

    def transfer(self, transfer_id):
        return self.get(f"/api/v1/downloads/{transfer_id}")

    def wait_for_download(self, transfer_id, timeout_s):
        def ended():
            status = self.transfer(transfer_id)
            return status if status["state"] in ("done", "failed", "cancelled") else None
        return wait_for(f"{self.name} downloads {transfer_id}", ended, timeout_s)

    def vsf(self, *arguments, check=True, timeout_s=120):
        done = subprocess.run([self.bin / "vsf", "--url", self.url, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout_s)
        if check and done.returncode != 0:
            raise Failure(f"vsf {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def log_tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else "(no log)"


class Mesh:
    """Nodes that know the first ones; ends them all on exit and shows the logs when something failed."""

    def __init__(self, bin_dir, folder, network=None, seed=None):
        self.bin, self.folder = bin_dir, pathlib.Path(folder)
        self.nodes = []
        self.seed = int(os.environ.get("VSF_SEED", seed if seed is not None else random.SystemRandom().randrange(1 << 32)))
        self.random = random.Random(self.seed)
        self.network = network or f"test-{os.getpid()}-{self.seed % 10000}/10"

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        for node in self.nodes:
            node.kill()
        if kind is not None:
            print(f"seed={self.seed} (repeat with VSF_SEED={self.seed})")
            for node in self.nodes:
                print(f"--- {node.name}\n{node.log_tail()}")

    def add(self, name, **options):
        bootstrap = [n.mesh_address for n in self.nodes[:2]]
        node = Node(self.bin, self.folder, name, self.network, bootstrap=bootstrap, **options)
        self.nodes.append(node)
        return node


def make_audio(bin_dir, folder, count, seed, formats="flac,mp3,vorbis", min_s=2, max_s=4):
    """Tagged files and their manifest: a list of {path, recording, release, sha256, size, root, ...}."""
    command = [pathlib.Path(bin_dir) / "vsf-make-audio", folder, "--count", str(count), "--seed", str(seed), "--formats",
               formats, "--min-s", str(min_s), "--max-s", str(max_s)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=300).stdout)
