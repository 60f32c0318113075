"""Answers in fewer bytes, for clients that say in ``Accept-Encoding`` how they take them.

What compresses is ``starlette-compress``, by Brotli or else by gzip. Compressing 5.7 kB costs less
than 0.1 ms by either. Zstandard is not used: GraphQL Code Generator on Node.js 20 asks for it and
cannot read it, and clients that ask for it read gzip too. Exports are compressed by Zstandard or
else by gzip: they are long, and Brotli is slow. Secrets cannot be guessed from the length of an
answer (BREACH): none has any, keys and their hashes included.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type, remove_compress_type

from call_analytics.web import export

LONGEST_ACCEPT_ENCODING = 256
"""Characters. Nobody has more to say, and reading much more would cost more than answering."""

for _media_type in ("application/graphql-response+json", "text/csv", "application/x-ndjson"):
    add_compress_type(_media_type)
# The explorer's files are large and always the same: what builds them compresses them.
for _media_type in ("text/javascript", "application/javascript", "text/css", "font/ttf"):
    remove_compress_type(_media_type)


class Compression:
    """ASGI middleware: compresses answers; their headers say what is true of every form."""

    def __init__(self, app: ASGIApp) -> None:
        self._compressing = CompressMiddleware(app, zstd=False)
        self._compressing_exports = CompressMiddleware(app, brotli=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._compressing(scope, receive, send)
            return

        async def adjusting(message: Message) -> None:
            if message["type"] == "http.response.start":
                _adjust(message)
            await send(message)

        is_export = scope["path"] == export.PATH
        compressing = self._compressing_exports if is_export else self._compressing
        await compressing(_with_short_accept_encoding(scope), receive, adjusting)


def _with_short_accept_encoding(scope: Scope) -> Scope:
    length = sum(len(value) for name, value in scope["headers"] if name == b"accept-encoding")
    if length <= LONGEST_ACCEPT_ENCODING:
        return scope
    headers = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
    return {**scope, "headers": headers}


def _adjust(start: Message) -> None:
    headers = start["headers"]
    for place, (name, tag) in enumerate(headers):
        # A strong tag stands for exact bytes; this one is that of every form of the answer.
        if name == b"etag" and not tag.startswith(b"W/"):
            headers[place] = (name, b"W/" + tag)
    if start["status"] == 304:  # it says what the whole answer would have said
        MutableHeaders(raw=headers).add_vary_header("Accept-Encoding")
