"""Drives Nicotine+ without its user interface, from the checkout it is given. Loopback only."""

import os
import pathlib
import sys
import threading
import time

from driver_lines import answer, arguments, tell

GIVEN = arguments()
sys.path.insert(0, GIVEN["checkout"])

from pynicotine.config import config  # noqa: E402
from pynicotine.core import core  # noqa: E402
from pynicotine.events import events  # noqa: E402
from pynicotine.logfacility import log  # noqa: E402

# Without what talks to routers, web sites or a terminal.
COMPONENTS = {"network_thread", "shares", "users", "notifications", "network_filter", "statistics", "search", "downloads",
              "uploads", "interests", "userbrowse", "userinfo", "buddies", "chatrooms", "privatechat", "pluginhandler"}


def set_up():
    folder = pathlib.Path(GIVEN["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    config.set_config_file(str(folder / "config"))
    config.set_data_folder(str(folder / "data"))
    core.cli_interface_address = "127.0.0.1"
    core.cli_listen_port = GIVEN["listen_port"]
    core.init_components(enabled_components=COMPONENTS)
    config.sections["server"].update(server=("127.0.0.1", GIVEN["server_port"]), login=GIVEN["user"],
                                     passw=f"secret of {GIVEN['user']}", upnp=False, portrange=(GIVEN["listen_port"],) * 2)
    config.sections["transfers"].update(
        shared=[("music", GIVEN["music"])], downloaddir=str(folder / "downloads"), incompletedir=str(folder / "incomplete"),
        rescanonstartup=True, uploadlimit=GIVEN["upload_kib"], limitby=True,
        use_upload_speed_limit="primary" if GIVEN["upload_kib"] else "unlimited")
    config.sections["userinfo"]["descr"] = repr(f"this is {GIVEN['user']}")
    config.sections["logging"].update(debug=True, debugmodes=["connection", "transfer", "search", "miscellaneous"],
                                      privatechat=False, chatrooms=False)
    log.init_log_levels()


def files_of(results):
    return [{"path": name, "size": size} for _, name, size, *_ in results or []]


def connect_events():
    def on_login(msg):
        if msg.success:
            tell("online")
        else:
            tell("failed", what="login", user=str(msg.reason))

    def on_shares(msg):
        tell("shares", user=msg.username, files=[f"{folder}\\{name}" for folder, files in msg.list for _, name, *_ in files])

    def on_message(msg, **_):
        if msg.message_id is not None:
            tell("message", user=msg.user, text=msg.message)

    heard = {
        "server-login": on_login,
        "file-search-response": lambda msg: tell("found", token=msg.token, user=msg.username, files=files_of(msg.list)),
        "shared-file-list-response": on_shares,
        "shared-file-list-failed": lambda user, *_, **__: tell("failed", what="browse", user=user),
        "user-info-response": lambda msg: tell("info", user=msg.username, text=msg.descr),
        "user-info-failed": lambda user, *_, **__: tell("failed", what="info", user=user),
        "message-user": on_message,
        "say-chat-room": lambda msg: tell("room_message", room=msg.room, user=msg.user, text=msg.message),
        "join-room": lambda msg: tell("joined", room=msg.room, users=[x.username for x in msg.users]),
        "log-message": lambda _, text, *__: print(f"{time.time() % 1000:.3f}", text, file=sys.stderr, flush=True),
    }
    for name, callback in heard.items():
        events.connect(name, callback)


def search(text, user=None, room=None):
    core.search.do_search(text, "user" if user else "rooms" if room else "global", users=[user] if user else None, room=room)
    return max(core.search.searches)


def transfers():
    out = []
    for upload, manager in ((False, core.downloads), (True, core.uploads)):
        for t in manager.transfers.values():
            file = os.path.join(t.folder_path, t.virtual_path.rpartition("\\")[2]) if not upload else ""
            out.append({"upload": upload, "user": t.username, "path": t.virtual_path, "state": str(t.status),
                        "bytes": t.current_byte_offset or 0, "size": t.size, "file": file, "why": str(t.status)})
    return out


def tree():
    network = core._network_thread
    return {"parent": network._parent.username if network._parent else "", "level": network._branch_level,
            "root": network._branch_root, "children": sorted(network._child_peers)}


def retry():
    core.downloads.retry_downloads(list(core.downloads.transfers.values()))


WORDS = {
    "search": search,
    "browse": lambda user: core.userbrowse.browse_user(user, new_request=True),
    "info": lambda user: core.userinfo.show_user(user, refresh=True),
    "download": lambda user, path, size: core.downloads.enqueue_download(user, path, size=size),
    "retry": retry,
    "transfers": transfers,
    "tree": tree,
    "message": lambda user, text: core.privatechat.send_message(user, text),
    "join": lambda room: core.chatrooms.show_room(room),
    "say": lambda room, text: core.chatrooms.send_message(room, text),
}


def read_commands():
    for line in sys.stdin:
        events.invoke_main_thread(answer, line, WORDS)
    events.invoke_main_thread(core.quit)


def main():
    set_up()
    connect_events()
    core.start()
    core.connect()
    threading.Thread(target=read_commands, daemon=True).start()
    wake = threading.Event()
    while events.process_thread_events():
        wake.wait(0.02)  # its own main loop polls too


if __name__ == "__main__":  # its scan of the shares is a process that imports this file
    main()
