"""The byte format of the chain, held fast by vectors that were written once; see docs/adr/0005."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from crm_core import CRM
from crm_core.ledger.chain import GENESIS, chained, leaf, link, lp, state_digest
from crm_core.store.mapper import framed, unsealed

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "vectors" / "chain.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_chain_is_what_it_was_when_the_first_event_was_stored(vector: dict[str, Any]) -> None:
    header, public = vector["header"].encode(), vector["public"].encode()
    sealed, previous = bytes.fromhex(vector["sealed"]), bytes.fromhex(vector["previous"])
    digest = state_digest(public, sealed)

    assert digest.hex() == vector["state_digest"]
    assert leaf(header, digest).hex() == vector["leaf"]
    assert link(previous, leaf(header, digest)).hex() == vector["chain"]
    assert chained(previous, header, public, sealed).hex() == vector["chain"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_vectors_follow_from_the_decision_alone(vector: dict[str, Any]) -> None:
    """As an auditor would who has the decision record and nothing of this library."""

    def sha(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(parts)).digest()

    def counted(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    state = sha(counted(vector["public"].encode()), bytes.fromhex(vector["sealed"]))
    hashed = sha(b"\x00", b"crm-event-v1", counted(vector["header"].encode()), state)
    assert sha(b"\x02", bytes.fromhex(vector["previous"]), hashed).hex() == vector["chain"]


def test_the_vectors_are_a_chain_from_nothing() -> None:
    previous = GENESIS.hex()
    for vector in VECTORS:
        assert vector["previous"] == previous
        previous = vector["chain"]


def test_the_sealed_bytes_are_frames_by_subject() -> None:
    [vector] = [one for one in VECTORS if one["frames"] and len(one["frames"]) > 1]
    frames = [(bytes.fromhex(one["subject"]), one["fields"], bytes.fromhex(one["blob"])) for one in vector["frames"]]

    assert b"".join(
        subject + lp(",".join(fields).encode()) + lp(blob) for subject, fields, blob in frames
    ) == bytes.fromhex(vector["sealed"])
    found = list(unsealed(bytes.fromhex(vector["sealed"])))
    assert [(subject.bytes, fields, blob) for subject, fields, blob in found] == frames
    assert b"".join(framed(*one) for one in found) == bytes.fromhex(vector["sealed"])
    assert [subject for subject, _, _ in frames] == sorted(subject for subject, _, _ in frames)


@pytest.mark.parametrize("part", ["header", "public", "sealed", "previous"])
def test_every_part_counts(part: str) -> None:
    vector = VECTORS[-1]
    parts = {
        "previous": bytes.fromhex(vector["previous"]),
        "header": vector["header"].encode(),
        "public": vector["public"].encode(),
        "sealed": bytes.fromhex(vector["sealed"]),
    }
    assert chained(**parts).hex() == vector["chain"]
    for position in range(len(parts[part])):
        altered = bytearray(parts[part])
        altered[position] ^= 1
        assert chained(**{**parts, part: bytes(altered)}).hex() != vector["chain"]


def test_nothing_moves_unnoticed_from_one_part_to_the_next() -> None:
    assert chained(GENESIS, b"ab", b"c", b"d") != chained(GENESIS, b"a", b"bc", b"d")
    assert chained(GENESIS, b"a", b"bc", b"d") != chained(GENESIS, b"a", b"b", b"cd")


@pytest.mark.postgres
def test_the_server_call_makes_the_same_chain(postgres_url: str) -> None:
    with CRM.open(postgres_url, follow=[]) as crm, crm._store.database.writing() as transaction:  # noqa: SLF001 - as stored
        for number, vector in enumerate(VECTORS, 1):
            header = json.loads(vector["header"])
            opened = vector["header"].partition(',"recorded_at"')[0]
            digest = state_digest(vector["public"].encode(), bytes.fromhex(vector["sealed"]))
            transaction.execute(
                "SELECT crm_append(?, ?, ?, ?, ?, ?::uuid[], ?::bigint[], ?::text[], ?::integer[], ?::text[], "
                "?::text[], ?::text[], ?::bytea[], ?::bytea[], ?::uuid[], ?::integer[], ?::uuid[], ?::bigint[])",
                [
                    7, header["recorded_at"], UUID(header["command"]), b"", UUID(header["stream"]),
                    [UUID(header["stream"])], [number], [header["type"]], [1], [header["at"]], [opened],
                    [vector["public"]], [bytes.fromhex(vector["sealed"])], [digest], [], [], [], [],
                ],
            )  # fmt: skip
        rows = transaction.execute("SELECT header, chain FROM crm_events ORDER BY position").fetchall()

    assert [(header, bytes(chain).hex()) for header, chain in rows] == [
        (one["header"], one["chain"]) for one in VECTORS
    ]
