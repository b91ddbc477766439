"""Asks other servers as the text of the message says, and replies what came back, as `tests/guests-http` does.

A request is a line of method, scheme, authority and path with tabs between them, then header fields, one a
line; `wasi:http` is called as componentize-py translates it.
"""

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import hodhod_bot_types as types
from wit_world.imports import messenger, outgoing_handler, streams
from wit_world.imports import wasi_http_types as http

METHODS = {
    "GET": http.Method_Get,
    "HEAD": http.Method_Head,
    "POST": http.Method_Post,
    "DELETE": http.Method_Delete,
}
SCHEMES = {"http": http.Scheme_Http, "https": http.Scheme_Https}

# Bytes that are asked for at once.
PIECE = 64 * 1024


class Handler(exports.Handler):
    def handle(self, event):
        match event:
            case types.Event_Message(types.Message(chat=chat, content=types.Content_Text(text))):
                body = messenger.Body_Text(ask(text))
                messenger.send(chat, messenger.Outgoing(body, None, None, False, []))


def ask(text):
    first, *fields = text.splitlines()
    method, scheme, authority, path = first.split("\t")
    pairs = [field.split(": ", 1) for field in fields]
    request = http.OutgoingRequest(http.Fields.from_list([(name, value.encode()) for name, value in pairs]))
    request.set_method(METHODS[method]())
    request.set_scheme(SCHEMES[scheme]())
    request.set_authority(authority)
    request.set_path_with_query(path)
    try:
        future = outgoing_handler.handle(request, None)
    except Err as error:
        return told(error.value)
    future.subscribe().block()
    match future.get():
        case Ok(Ok(response)):
            return answer(response)
        case Ok(Err(error)):
            return told(error)


def answer(response):
    lines = [str(response.status())]
    lines += [f"{name}: {value.decode(errors='replace')}" for name, value in response.headers().entries()]
    body = response.consume()
    read = b""
    with body.stream() as stream:
        while True:
            try:
                read += stream.blocking_read(PIECE)
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    break
                return f"body: {error.value}"
    return "\n".join([*lines, f"> {read.decode(errors='replace')}"])


def told(error):
    """The name that it has in the Rust bindings."""
    return type(error).__name__.replace("_", "::")
