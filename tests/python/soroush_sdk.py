"""The official Soroush Python client against a local server.

    python soroush_sdk.py BASE_URL TOKEN [COUNT]

Needs the packages soroush_python_sdk, sseclient-py (not sseclient) and requests. Receives COUNT messages
(5 unless told otherwise) through the client's get_messages and answers each with send_text. Then it changes the
keyboard of the last author, uploads a file and downloads it again. Prints one JSON object a line:

    {"event": "message", "message": {...}}      what came
    {"event": "answered", "result": [...]}      what the client made of the answer to send_text
    {"event": "keyboard", "result": [...]}
    {"event": "upload", "result": [...]}
    {"event": "download", "result": [...], "same": true}

Exits with 0 if every call succeeded, with 1 if not.
"""

import itertools
import json
import os
import sys
import tempfile

from soroush_python_sdk import Client

# Bytes that are no text in any encoding, and long enough to cross a few buffers.
FILE = bytes(range(256)) * 1000


def say(event, **fields):
    print(json.dumps({"event": event, **fields}, ensure_ascii=False), flush=True)


def ok(result):
    """The client answers [error, value]; no error is False."""
    return result[0] is False


def file_round_trip(bot):
    with tempfile.TemporaryDirectory() as folder:
        original = os.path.join(folder, "original.bin")
        copy = os.path.join(folder, "copy.bin")
        with open(original, "wb") as file:
            file.write(FILE)

        uploaded = bot.upload_file(original)
        say("upload", result=uploaded)
        if not ok(uploaded):
            return False

        downloaded = bot.download_file(uploaded[1], copy)
        same = False
        if ok(downloaded):
            with open(copy, "rb") as file:
                same = file.read() == FILE
        # The path differs from run to run and means nothing to the reader.
        say("download", result=[downloaded[0], ok(downloaded)], same=same)

        # A key that was never given out must be an error, not a file.
        missing = bot.download_file("nothing", copy)
        say("missing", result=missing)
        return same and not ok(missing)


def main(base_url, token, count=5):
    # The client glues base and token together, so the base must end with a slash.
    Client.BASE_URL = base_url.rstrip("/") + "/"
    bot = Client(token)

    good = True
    author = None
    for message in itertools.islice(bot.get_messages(), int(count)):
        say("message", message=message)
        author = message["from"]
        result = bot.send_text(author, "شنیدم: " + message["body"])
        say("answered", result=result)
        good = ok(result) and good

    keyboard = bot.make_keyboard([[["بله", "yes"], ["خیر", "no"]]])
    result = bot.change_keyboard(author, keyboard)
    say("keyboard", result=result)
    return file_round_trip(bot) and ok(result) and good


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(0 if main(*sys.argv[1:]) else 1)
