"""PNG with a palette: pages have few colours, so that their pictures are much smaller by it."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
COLOURS: Final = 256
CHANNELS: Final = {2: 3, 6: 4}  # PNG §11.2.2: true colour, and the same with alpha

Colour = tuple[int, int, int]


def indexed(octets: bytes) -> bytes:
    """The same picture in its 256 most frequent colours; alpha is dropped.

    In: a PNG of 8 bits and true colour, not interlaced, as browsers make them.
    """
    chunks = list(_chunks(octets))
    header = next(data for name, data in chunks if name == b"IHDR")
    width, height, bits, kind, *_, interlaced = struct.unpack(">IIBBBBB", header)
    assert (bits, interlaced) == (8, 0)
    raw = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    rows = list(_unfiltered(raw, width * CHANNELS[kind], CHANNELS[kind]))
    colours = [_colours(row, CHANNELS[kind]) for row in rows]
    counted = Counter(each for row in colours for each in row)
    palette = [each for each, _ in counted.most_common(COLOURS)]
    places = {each: number for number, each in enumerate(palette)}
    for each in counted:
        if each not in places:
            places[each] = min(range(len(palette)), key=lambda at: _distance(palette[at], each))
    body = b"".join(b"\0" + bytes(places[each] for each in row) for row in colours)
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(value for each in palette for value in each)),
            _chunk(b"IDAT", zlib.compress(body, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunks(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(octets):
        (length,) = struct.unpack_from(">I", octets, at)
        yield octets[at + 4 : at + 8], octets[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(name: bytes, data: bytes) -> bytes:
    checked = name + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def _unfiltered(raw: bytes, length: int, step: int) -> Iterator[bytes]:
    """PNG §9: each row without its filter."""
    above = bytes(length)
    for start in range(0, len(raw), length + 1):
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + length])
        for at in range(length):
            left = row[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            guess = (0, left, above[at], (left + above[at]) // 2)
            plus = guess[kind] if kind < len(guess) else _paeth(left, above[at], corner)
            row[at] = (row[at] + plus) & 255
        above = bytes(row)
        yield above


def _paeth(left: int, above: int, corner: int) -> int:
    wanted = left + above - corner
    return min((left, above, corner), key=lambda each: abs(wanted - each))


def _colours(row: bytes, step: int) -> list[Colour]:
    return list(zip(row[0::step], row[1::step], row[2::step], strict=True))


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
