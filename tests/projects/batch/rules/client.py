"""A client of the server with the answers."""

import asyncio
import os


class Refused(Exception):
    """The server did not answer the question."""


async def ask(input, output, item):
    """Send one question and keep the answer."""
    body = input.read_bytes()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["ANSWERS_PORT"]))
    try:
        head = f"POST /{item} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await reader.read()
    finally:
        writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    status = head.split(maxsplit=2)[1]
    if status != b"200":
        raise Refused(f"{item}: {status.decode()}")
    output.write_bytes(content)
