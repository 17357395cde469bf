"""What the drivers of other people's clients share: events to stdout, commands from stdin, both as lines of JSON.

Events: online; found {token, user, files: [{path, size}]}; shares {user, files: [path]}; info {user, text};
failed {what, user}; message {user, text}; room_message {room, user, text}; joined {room, users}.
Commands: search {text[, user][, room]}, browse, info {user}, download {user, path, size}, transfers, tree,
message {user, text}, join {room}, say {room, text}. A transfer is {upload, user, path, state, bytes, size, file, why}.
"""

import json
import os
import sys

# Whatever a client prints goes to its log: stdout is for the events.
EVENTS = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
os.dup2(2, 1)


def tell(event, **fields):
    EVENTS.write(json.dumps({"event": event, **fields}) + "\n")
    EVENTS.flush()


def arguments():
    """{checkout, folder, server_port, listen_port, obfuscated_port, user, music, upload_kib}, as the stage gives them."""
    return json.loads(sys.argv[1])


def answer(line, words):
    """Carries out one command."""
    try:
        asked = json.loads(line)
        tell("done", result=words[asked.pop("do")](**asked))
    except Exception as problem:  # whatever it is, the test wants to know
        tell("error", why=repr(problem))


async def answer_async(line, words):
    """The same where commands are coroutines."""
    try:
        asked = json.loads(line)
        tell("done", result=await words[asked.pop("do")](**asked))
    except Exception as problem:
        tell("error", why=repr(problem))
