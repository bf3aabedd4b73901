"""The quick audit says yes to exactly what the careful one finds intact, in one stretch or in many."""

import json
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import crm_core.store.verify
from crm_core import CRM
from crm_core.commands import SubmitForm
from crm_core.errors import Invalid
from crm_core.kernel.ids import LeadId, derived
from crm_core.kernel.recorded import Actor, Context, context_text, header_close, header_open
from crm_core.kernel.time import stamp
from crm_core.store import auditing
from crm_core.store.auditing import Strange, audit, audited, concluded, joined, nothing
from crm_core.store.port import Transaction
from crm_core.store.verify import _compare_ends, _Differs
from tests.projections.conftest import START
from tests.store.test_verify import ALTERED, alter, crm

__all__ = ["crm"]
PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Cn", "Co"]), min_size=1)
ACTORS = st.builds(Actor, st.sampled_from(["user", "import", "policy"]), PRINTABLE.filter(str.isprintable))
IDS = st.uuids()
REFS = st.lists(st.tuples(st.sampled_from(["contact", "lead", "account"]), IDS.map(str)), max_size=3)
HEADERS = st.builds(
    lambda by, behalf, ids, causes, about, subject, definitions: header_close(
        header_open(
            context_text(Context(by, START, ids, derived(ids, 1), causes, behalf), stamp(START), 'crm-core/1.0 "x" é'),
            derived(ids, 0), "deal.won", 2, str(ids), 7, about, subject, definitions,
        ),
        stamp(START),
        9,
    ),
    ACTORS, st.none() | ACTORS, IDS, st.none() | IDS, REFS, st.none() | IDS, st.none() | st.integers(0, 99),
)  # fmt: skip


def told(header: str) -> list[str] | None:
    """What the pattern reads in a header; None: it does not fit."""
    found = auditing._HEADER.fullmatch(header)  # noqa: SLF001 - the pattern is what is tested
    return None if found is None else list(found.groups())


def parsed(header: str) -> list[str]:
    """The same from the parsed header."""
    document = json.loads(header)
    names = ["type", "type_version", "stream", "version", "at", "command", "regards", "recorded_at", "position"]
    return [
        json.dumps(document[name], separators=(",", ":"))[1:-1] if name == "regards" else str(document[name])
        for name in names
    ]


@given(HEADERS)
def test_every_header_we_write_is_read_without_parsing_it(header: str) -> None:
    assert told(header) == parsed(header)


@given(HEADERS, st.integers(0, 600), st.integers(0, 3), st.text('"\\,:[]{}u0ae-9T\n\x00 é', max_size=3))
def test_a_header_that_was_altered_is_read_as_a_parser_reads_it_or_not_at_all(
    header: str, place: int, gone: int, put: str
) -> None:
    altered = header[: place % len(header)] + put + header[place % len(header) + gone :]
    found = told(altered)
    if found is not None:
        assert found == parsed(altered)
        assert str(UUID(found[5])) == found[5]


def in_parts(crm: CRM, cuts: list[int]) -> int:
    """Audit stretch by stretch, as several processes do; the number of events."""
    database = crm._store.database  # noqa: SLF001 - below the public door
    whole = nothing(KEY)
    for after, upto in pairwise([0, *cuts]):
        whole = joined(whole, audit(database, KEY, after, upto, 2))

    def ends(transaction: Transaction, tail: auditing.Part) -> None:
        nonlocal whole
        whole = joined(whole, tail)
        concluded(transaction, whole)
        _compare_ends(transaction, whole.position, whole.counted)

    list(audited(database, KEY, whole.position, 2**62, 2, ends))
    return whole.position


KEY = b"a secret"
CUTS = [[], [1], [5], [6], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [4, 8], [12]]


@pytest.mark.parametrize("cuts", CUTS, ids=str)
def test_an_intact_log_is_intact_in_any_number_of_stretches(cuts: list[int], crm: CRM) -> None:
    assert in_parts(crm, cuts) == 12


@pytest.mark.parametrize("what", ALTERED)
def test_an_altered_log_is_strange_in_any_number_of_stretches(what: str, crm: CRM) -> None:
    alter(crm, ALTERED[what][0])
    for cuts in CUTS:
        with pytest.raises((Strange, _Differs)):
            in_parts(crm, cuts)


def test_an_intact_log_is_never_taken_apart(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(crm_core.store.verify, "_verdict")
    assert crm.verify().intact


@pytest.mark.parametrize("place", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_several_processes_come_to_the_verdict_of_one(
    place: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crm_core.store.verify, "_SHARE", 5)
    url = f"sqlite:///{tmp_path / 'crm.db'}" if place == "sqlite" else request.getfixturevalue("postgres_url")
    progress: list[int] = []
    with CRM.open(url, follow=[]) as opened:
        assert opened.verify(workers=2).events == 0
        for number in range(4):
            lead = LeadId(derived(UUID(int=1), number))
            opened.execute(SubmitForm(lead_id=lead, form="demo_request", name="Ada"), by="ann")
        one, several = opened.verify(), opened.verify(progress.append, workers=2)
    assert several == one
    assert several.intact
    assert progress == sorted(progress)
    assert progress[-1] == one.events > 5


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_number_of_workers_is_a_whole_number(workers: object, store_url: str) -> None:
    with CRM.open(store_url, follow=[]) as crm, pytest.raises(Invalid, match="workers: must be a whole number from 1"):
        crm.verify(workers=workers)  # type: ignore[arg-type]
