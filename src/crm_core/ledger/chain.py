"""The hash chain over the log, in its final byte format (docs/adr/0005).

```
state digest = SHA256( lp(public JSON) ‖ sealed bytes )
leaf         = SHA256( 0x00 ‖ "crm-event-v1" ‖ lp(header bytes) ‖ state digest )
chain        = SHA256( 0x02 ‖ chain of the position before ‖ leaf )        chain before position 1: 32 zero bytes
lp(x)        = length of x as 4 bytes, big-endian, then x
sealed bytes = for each subject, by subject id: 16 bytes subject id ‖ lp(sealed blob)
```
"""

from hashlib import sha256

GENESIS = bytes(32)
"""The chain value before the first position."""
_LEAF = b"\x00crm-event-v1"


def lp(data: bytes) -> bytes:
    """The data behind its own length, so that no two different inputs join to the same bytes."""
    return len(data).to_bytes(4, "big") + data


def state_digest(public: bytes, sealed: bytes) -> bytes:
    """The inner hash: all that a skeleton export keeps of an event's content."""
    return sha256(len(public).to_bytes(4, "big") + public + sealed).digest()


def leaf(header: bytes, digest: bytes) -> bytes:
    """The hash of one event: its whole envelope and the digest of its content."""
    return sha256(_LEAF + len(header).to_bytes(4, "big") + header + digest).digest()


def link(previous: bytes, leaf_hash: bytes) -> bytes:
    """The chain value at a position, from the one before."""
    return sha256(b"\x02" + previous + leaf_hash).digest()


def chained(previous: bytes, header: bytes, public: bytes, sealed: bytes) -> bytes:
    """The chain value of an event as stored."""
    digest = sha256(len(public).to_bytes(4, "big") + public + sealed).digest()
    return sha256(
        b"\x02" + previous + sha256(_LEAF + len(header).to_bytes(4, "big") + header + digest).digest()
    ).digest()
