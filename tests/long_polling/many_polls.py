"""`python -m tests.long_polling.many_polls HOST:PORT AUTHORIZATION <auth_req_ids`

One connection and one poll for each line; it says how many are under way, and at the end, as JSON,
how many answers of each kind there were.
"""

import asyncio
import json
import resource
import sys
from collections import Counter
from urllib.parse import urlencode

from django_ciba.protocol.names import CIBA_GRANT_TYPE
from django_ciba.protocol.parameters import FORM_TYPE

AT_ONCE = 100  # connections that are being made


def request(host: str, authorization: str, auth_req_id: str) -> bytes:
    body = urlencode({"grant_type": CIBA_GRANT_TYPE, "auth_req_id": auth_req_id})
    lines = [
        "POST /oauth2/access_token HTTP/1.1",
        f"Host: {host}",
        f"Authorization: {authorization}",
        f"Content-Type: {FORM_TYPE}",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def answer(host: str, sent: bytes, gate: asyncio.Semaphore) -> str:
    """The error, or "tokens", that one poll is answered with."""
    name, _, port = host.partition(":")
    async with gate:
        reader, writer = await asyncio.open_connection(name, int(port))
        writer.write(sent)
        await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    members = json.loads(await reader.readexactly(length))
    writer.close()
    return str(members.get("error", "tokens"))


async def main(host: str, authorization: str) -> None:
    gate, counted = asyncio.Semaphore(AT_ONCE), Counter[str]()
    names = sys.stdin.read().split()
    polls = [
        asyncio.create_task(answer(host, request(host, authorization, name), gate))
        for name in names
    ]
    for done in asyncio.as_completed(polls):
        try:
            counted[await done] += 1
        except (OSError, EOFError) as error:
            counted[repr(error)] += 1
    print(json.dumps(counted), flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main(*sys.argv[1:3]))
