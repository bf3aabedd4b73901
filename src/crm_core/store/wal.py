"""How much of a SQLite write-ahead log is there: SQLite itself stops at the first torn frame and says nothing."""

import struct
from dataclasses import dataclass
from pathlib import Path

_HEADER, _FRAME = 32, 24
_LITTLE, _BIG = 0x377F0682, 0x377F0683


@dataclass(frozen=True, slots=True)
class Tail:
    """What a write-ahead log holds beside its database file.

    `committed`: so many frames belong to transactions that were committed. `torn`: why more may have been
    there; None: the file ends as a whole one does.
    """

    committed: int
    torn: str | None = None


def read_tail(path: Path) -> Tail:
    """Go through a write-ahead log as SQLite's own recovery does, and see also what that passes over in silence.

    Behind the frames of the present round may lie those of earlier rounds, of another salt: they count for
    nothing, and are no damage.
    """
    data = path.read_bytes() if path.is_file() else b""
    if not data:
        return Tail(0)
    if len(data) < _HEADER:
        return Tail(0, "it is shorter than its own header")
    magic, _, page, _, *salt_and_sums = struct.unpack(">8I", data[:_HEADER])
    salt, sums = salt_and_sums[:2], tuple(salt_and_sums[2:])
    if magic not in (_LITTLE, _BIG) or page < 512 or page & (page - 1):  # noqa: PLR2004 - SQLite's least page
        return Tail(0, "its header is none")
    words = ">" if magic == _BIG else "<"
    state = _summed((0, 0), data[:24], words)
    if state != sums:
        return Tail(0, "its header does not add up")
    return _frames(data, page, salt, state, words)


def _frames(data: bytes, page: int, salt: list[int], state: tuple[int, int], words: str) -> Tail:
    whole, rest = divmod(len(data) - _HEADER, _FRAME + page)
    committed = 0
    for number in range(whole):
        start = _HEADER + number * (_FRAME + page)
        _, commits, *frame_salt, first, second = struct.unpack(">6I", data[start : start + _FRAME])
        if frame_salt != salt:
            return Tail(committed, _left_over(data, page, salt, number, whole))
        state = _summed(state, data[start : start + 8], words)
        state = _summed(state, data[start + _FRAME : start + _FRAME + page], words)
        if state != (first, second):
            return Tail(committed, f"frame {number + 1} does not add up")
        if commits:
            committed = number + 1
    if rest:
        return Tail(committed, "its last frame is cut off")
    return Tail(committed, "it ends in the middle of a transaction" if committed < whole else None)


def _left_over(data: bytes, page: int, salt: list[int], number: int, whole: int) -> str | None:
    """Whether frames of another salt are what an earlier round left, as they should be."""
    for later in range(number, whole):
        start = _HEADER + later * (_FRAME + page)
        header = data[start : start + _FRAME]
        if not any(header):
            return f"frame {later + 1} is empty"
        if list(struct.unpack(">2I", header[8:16])) == salt:
            return f"frame {number + 1} does not belong to it, but frame {later + 1} does"
    return None


def _summed(state: tuple[int, int], data: bytes, words: str) -> tuple[int, int]:
    first, second = state
    values = iter(struct.unpack(f"{words}{len(data) // 4}I", data))
    for one, two in zip(values, values, strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second


@dataclass(frozen=True, slots=True)
class Index:
    """What the shared-memory file beside a write-ahead log says of it. `frames`: so many were committed."""

    frames: int
    salt: bytes


def read_index(path: Path) -> Index | None:
    """What a `-shm` file says; None: there is none, or it says nothing yet."""
    data = path.read_bytes()[:96] if path.is_file() else b""
    if len(data) < 96 or data[:48] != data[48:] or not data[12]:  # noqa: PLR2004 - two equal copies of 48 bytes
        return None
    return Index(struct.unpack("=I", data[16:20])[0], data[32:40])


def salt_of(path: Path) -> bytes:
    """The salt of a write-ahead log's present round; empty where there is none."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_HEADER)[16:24]
