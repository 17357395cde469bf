"""Drives aioslsk from the checkout it is given. Loopback only."""

import asyncio
import inspect
import logging
import pathlib
import sys
import types

from driver_lines import answer_async, arguments, tell

GIVEN = arguments()
sys.path.insert(0, str(pathlib.Path(GIVEN["checkout"]) / "src"))


def stand_in_for_what_is_not_needed():
    """Its settings are checked by a library newer than Debian's, its router talk needs another: neither is tried here."""

    def value_of(model, name, given):
        default = getattr(model, name, None)
        if isinstance(default, field):
            default = default.make()
        if isinstance(given, dict) and isinstance(default, Model):
            return type(default)(**given)
        return given if given is not None else default

    class field:
        def __init__(self, default_factory=None, **_):
            self.make = default_factory or (lambda: None)

    class Model:
        def __init_subclass__(cls, **_):
            super().__init_subclass__()

        def __init__(self, **given):
            for kind in reversed(type(self).__mro__):
                for name in inspect.get_annotations(kind):
                    setattr(self, name, value_of(kind, name, given.get(name)))

    class Anything(types.ModuleType):
        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {"__init__": lambda self, *_, **__: None})

    pydantic = types.ModuleType("pydantic")
    pydantic.BaseModel, pydantic.Field = Model, field
    pydantic.BeforeValidator = lambda function: function
    pydantic.model_validator = lambda **_: lambda function: function
    sys.modules["pydantic"] = pydantic
    settings = types.ModuleType("pydantic_settings")
    settings.BaseSettings = Model
    sys.modules["pydantic_settings"] = settings
    for name in ("", ".aiohttp", ".client_factory", ".exceptions", ".profiles", ".profiles.igd", ".search", ".ssdp"):
        sys.modules["async_upnp_client" + name] = Anything("async_upnp_client" + name)
    sys.modules["async_upnp_client.exceptions"].UpnpActionResponseError = type("UpnpActionResponseError", (Exception,), {})


stand_in_for_what_is_not_needed()

import aioslsk.network.network  # noqa: E402
from aioslsk import commands, events  # noqa: E402
from aioslsk.client import SoulSeekClient  # noqa: E402
from aioslsk.settings import CredentialsSettings, Settings, SharedDirectorySettingEntry  # noqa: E402
from aioslsk.shares.model import DirectoryShareMode  # noqa: E402
from aioslsk.transfer.cache import TransferShelveCache  # noqa: E402

aioslsk.network.network.DEFAULT_LISTENING_HOST = "127.0.0.1"


def settings():
    folder = pathlib.Path(GIVEN["folder"])
    (folder / "downloads").mkdir(parents=True, exist_ok=True)
    out = Settings(credentials=CredentialsSettings(username=GIVEN["user"], password=f"secret of {GIVEN['user']}"))
    out.credentials.info.description = f"this is {GIVEN['user']}"
    network = out.network
    network.server.hostname, network.server.port = "127.0.0.1", GIVEN["server_port"]
    network.listening.port, network.listening.obfuscated_port = GIVEN["listen_port"], GIVEN["obfuscated_port"]
    network.server.reconnect.auto, network.server.reconnect.timeout = True, 5
    network.upnp.enabled = False
    network.peer.obfuscate = bool(GIVEN["obfuscated_port"])
    network.limits.upload_speed_kbps = GIVEN["upload_kib"]
    out.shares.download = str(folder / "downloads")
    out.shares.scan_on_start = False
    out.shares.directories = [SharedDirectorySettingEntry(path=GIVEN["music"], share_mode=DirectoryShareMode.EVERYONE)]
    return out


class Driver:
    def __init__(self):
        folder = pathlib.Path(GIVEN["folder"]) / "data"
        folder.mkdir(parents=True, exist_ok=True)
        self.client = SoulSeekClient(settings(), transfer_cache=TransferShelveCache(str(folder)))
        self.listeners = {  # its event bus holds them weakly
            events.SearchResultEvent: lambda e: tell("found", token=e.query.ticket, user=e.result.username,
                                                     files=[{"path": f.filename, "size": f.filesize} for f in e.result.shared_items]),
            events.PrivateMessageEvent: lambda e: tell("message", user=e.message.user.name, text=e.message.message),
            events.RoomMessageEvent: lambda e: tell("room_message", room=e.message.room.name, user=e.message.user.name,
                                                    text=e.message.message),
            events.RoomJoinedEvent: lambda e: e.user is None and tell("joined", room=e.room.name,
                                                                      users=[u.name for u in e.room.users]),
        }
        for what, listener in self.listeners.items():
            self.client.events.register(what, listener)
        self.tasks = set()

    def later(self, work, what, user):
        """Its answer is an event."""
        async def run():
            try:
                await work
            except Exception as problem:
                logging.exception("%s", what)
                tell("failed", what=what, user=user, why=repr(problem))
        task = asyncio.ensure_future(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def tell_shares(self, user):
        directories, _ = await self.client(commands.PeerGetSharesCommand(user), response=True, timeout=60)
        tell("shares", user=user, files=[f"{d.name}\\{f.filename}" for d in directories for f in d.files])

    async def tell_info(self, user):
        info = await self.client(commands.PeerGetUserInfoCommand(user), response=True, timeout=60)
        tell("info", user=user, text=info.description)

    async def search(self, text, user=None, room=None):
        searches = self.client.searches
        request = await (searches.search_user(user, text) if user else searches.search_room(room, text) if room
                         else searches.search(text))
        return request.ticket

    async def browse(self, user):
        self.later(self.tell_shares(user), "browse", user)

    async def info(self, user):
        self.later(self.tell_info(user), "info", user)

    async def download(self, user, path, size):
        await self.client.transfers.download(user, path)

    async def retry(self):
        for transfer in self.client.transfers.get_downloads():
            if transfer.state.VALUE.name != "COMPLETE":
                await transfer.state.queue()

    async def transfers(self):
        return [{"upload": t.is_upload(), "user": t.username, "path": t.remote_path, "state": t.state.VALUE.name,
                 "bytes": t.bytes_transfered, "size": t.filesize or 0, "file": t.local_path or "",
                 "why": t.fail_reason or t.abort_reason or ""} for t in self.client.transfers.transfers]

    async def tree(self):
        network = self.client.distributed_network
        root, level = network._get_advertised_branch_values()
        return {"parent": network.parent.username if network.parent else "", "level": level, "root": root,
                "children": sorted(c.username for c in network.children)}

    async def message(self, user, text):
        await self.client(commands.PrivateMessageCommand(user, text))

    async def join(self, room):
        await self.client(commands.JoinRoomCommand(room))

    async def say(self, room, text):
        await self.client(commands.RoomMessageCommand(room, text))

    async def run(self):
        logging.basicConfig(stream=sys.stderr, level=logging.DEBUG, format="%(relativeCreated)d %(name)s %(message)s")
        await self.client.start()
        await self.client.login()
        await self.client.shares.scan()
        tell("online")
        lines = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        words = ("search", "browse", "info", "download", "retry", "transfers", "tree", "message", "join", "say")
        while line := await lines.readline():
            await answer_async(line, {word: getattr(self, word) for word in words})
        await self.client.stop()


asyncio.run(Driver().run())
