"""The echo bot in Python, written straight against the contract (../../wit/bot.wit).

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/componentize-py -d wit -w echo componentize echo -o echo-python.wasm

`componentize-py -d wit -w echo bindings .` writes what `wit_world` is, for an editor to read. Names are
those of the contract; a variant is a class for each case, an absent value None; a function that can
refuse returns what it says, or raises Err with the error.
"""

import time
from dataclasses import replace

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import atomics, files, logging, messenger, timers, types
from wit_world.imports import wasi_config_store as config
from wit_world.imports import wasi_keyvalue_store as store
from wit_world.imports.logging import Level

GREETING = "سلام! هر چه بفرستید همان را پس می‌فرستم."

# What one call of the host reads or writes at most, and the largest file that is copied.
PIECE = 1024 * 1024
LARGEST = 4 * PIECE


class Handler(exports.Handler):
    def handle(self, event):
        try:
            on_event(event)
        except Err as error:
            raise Err(failure(error.value))


def on_event(event):
    match event:
        case types.Event_Message(message):
            logging.log(Level.DEBUG, "", type(message.content).__name__.removeprefix("Content_").lower())
            on_content(message.chat, message.content)
        case types.Event_Timer(timer):
            logging.log(Level.DEBUG, "", "timer")
            if timer.id == "later" and timer.chat:
                send(timer.chat, messenger.Body_Text(timer.payload))
        case types.Event_Delivery(types.Delivery(outcome=types.Outcome_Failed(why))):
            logging.log(Level.WARN, "", f"not delivered: {why}")
        case types.Event_Delivery():
            logging.log(Level.DEBUG, "", "delivery")
        case _:
            logging.log(Level.DEBUG, "", "event")


def on_content(chat, content):
    match content:
        case types.Content_Text(text):
            on_text(chat, text)
        case types.Content_Media(media):
            send(chat, messenger.Body_Media(copy(chat, media) if media.caption == "/copy" else media))
        case types.Content_Location(location):
            send(chat, messenger.Body_Location(location))
        case types.Content_Contact(contact):
            known = [part for part in (contact.name, contact.phone) if part is not None]
            reply(chat, f"مخاطب: {'، '.join(known)}")
        case types.Content_Button(data):
            reply(chat, f"دکمه: {data}")
        case types.Content_Start():
            greeting = config.get("greeting")
            reply(chat, GREETING if greeting is None else greeting)
        case types.Content_Opening(types.Opening(source="link")):
            messenger.respond(messenger.Answer_Url("https://example.com/باز"))
        case types.Content_Opening(opening):
            messenger.respond(messenger.Answer_Notice(f"باز شد: {opening.source}"))
        case types.Content_Other(extra):
            reply(chat, f"پیام: {extra.name}")


def on_text(chat, text):
    match text.split(" ", 1):
        case ["/count"]:
            with store.open("chat") as bucket:
                return reply(chat, str(atomics.increment(bucket, "count", 1)))
        case ["/kept"]:
            return reply(chat, kept())
        case ["/settings"]:
            return reply(chat, listed(config.get_all()))
        case ["/buttons"]:
            return send(chat, messenger.Body_Text("کدام؟"), BUTTONS)
        case ["/hide"]:
            return send(chat, messenger.Body_KeyboardOnly(), messenger.Keyboard_Hide())
        case ["/never"]:
            timers.cancel("later", chat)
            return reply(chat, "لغو شد")
        case ["/forget", key] if key:
            return reply(chat, forget(key))
        case ["/keep", rest] if " " in rest:
            key, value = rest.split(" ", 1)
            with store.open("chat") as bucket:
                bucket.set(key, value.encode())
            return reply(chat, f"{key} = {value}")
        case ["/later", rest]:
            ms, _, words = rest.partition(" ")
            if ms.isascii() and ms.isdigit() and len(ms) < 10 and words:
                due = time.time_ns() // 1_000_000 + int(ms)
                return timers.set(types.Timer("later", chat, due, words), timers.Missed.FIRE)
    reply(chat, text)


def button(label, data):
    return messenger.Button(label, messenger.Press_Event(data))


BUTTONS = messenger.Keyboard_Show([[button("بله", "/yes"), button("نه", "/no")]])


def kept():
    """What is kept for the chat."""
    pairs, cursor = [], None
    with store.open("chat") as bucket:
        while True:
            page = bucket.list_keys(cursor)
            pairs += [(key, (bucket.get(key) or b"").decode(errors="replace")) for key in page.keys]
            cursor = page.cursor
            if cursor is None:
                return listed(pairs)


def forget(key):
    with store.open("chat") as bucket:
        if not bucket.exists(key):
            return f"{key} نبود"
        bucket.delete(key)
        return f"{key} فراموش شد"


def listed(pairs):
    return "\n".join(f"{key} = {value}" for key, value in pairs) or "هیچ"


def copy(chat, media):
    """The same bytes as a new file."""
    name, mime = media.name or "copy", media.mime or "application/octet-stream"
    with files.Upload.start(chat.connection, name, mime) as upload:
        offset = 0
        while piece := files.read(media.file, offset, PIECE):
            offset += len(piece)
            if offset > LARGEST:
                raise Err(types.Error_TooLarge(LARGEST))
            upload.write(piece)
        return replace(media, file=upload.finish())


def reply(chat, text):
    send(chat, messenger.Body_Text(text))


def send(chat, body, keyboard=None):
    messenger.send(chat, messenger.Outgoing(body, keyboard, None, False, []))


def failure(error):
    """What passes by itself is tried again; everything else is rejected, in words for the operator."""
    match error:
        case types.Error_RateLimited(ms):
            return types.Failure_Retry(ms)
        case types.Error_Timeout():
            return types.Failure_Retry(1000)
        case types.Error_Unavailable() | config.Error_Upstream() | config.Error_Io():
            return types.Failure_Retry(5000)
        case types.Error_Denied(grant):
            return types.Failure_Reject(f"denied: {grant}")
        case types.Error_Unsupported(what):
            return types.Failure_Reject(f"unsupported: {what}")
        case types.Error_Invalid(why):
            return types.Failure_Reject(f"invalid: {why}")
        case types.Error_TooLarge(most):
            return types.Failure_Reject(f"too large: the most is {most}")
        case types.Error_QuotaExceeded(quota):
            return types.Failure_Reject(f"quota exceeded: {quota}")
        case store.Error_NoSuchStore():
            return types.Failure_Reject("invalid: there is no such bucket in this event")
        case store.Error_AccessDenied():
            return types.Failure_Reject("denied: keyvalue")
        case types.Error_Other(why) | store.Error_Other(why):
            return types.Failure_Reject(why)
