"""A copy that is only looked at: every committed fact or a typed refusal, and no file changed or added."""

import hashlib
import json
import os
import pwd
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crm_core import CRM, Money
from crm_core.commands import AddContact, ForgetPerson, OpenDeal
from crm_core.errors import DatabaseUnavailable, Invalid, NotACRMDatabase, ReadOnly, SchemaMismatch, StoreError
from crm_core.kernel.personal import WITHHELD
from crm_core.store.copies import IncompleteCopy, SqliteCopy
from crm_core.store.wal import read_tail
from projections import directory, pipeline

DEAL = OpenDeal(title="New roof", amount=Money(1, "EUR"), owner="ann")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user of the machine may enter, and only its owner may write to."""
    folder = Path(tempfile.mkdtemp(prefix="crm-copy-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    shutil.rmtree(folder)


def as_nobody(work: Callable[[], Any]) -> Any:
    """What a question comes to when somebody asks it who may write nowhere: an answer, or an error's name and text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said: Any = ["no answer"]
        try:
            if os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody")
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
            said = ["answer", work()]
        except BaseException as error:  # noqa: BLE001 - told to the parent
            said = [type(error).__name__, str(error)]
        finally:
            os.write(writing, json.dumps(said).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = json.loads(told.read())
    os.waitpid(child, 0)
    return said


def fingerprint(folder: Path) -> dict[str, str]:
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in sorted(folder.iterdir())}


def a_live_history(folder: Path) -> CRM:
    """Five facts in the file, five more in its -wal; opened, as in a running service."""
    crm = CRM.open(f"sqlite:///{folder / 'crm.db'}", follow=[pipeline, directory])
    for number in range(10):
        crm.execute(DEAL if number % 2 else AddContact(name="Ada"), by="ann")
        if number == 4:
            crm.settle()
            for database in (crm._store.database, crm._store.keys.database):  # noqa: SLF001 - what SQLite does now and then
                with database.looking() as transaction:
                    transaction.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return crm


def copied(source: Path, target: Path, *suffixes: str) -> str:
    """Copy log and keys with what lies beside them; nobody may write there. Returns the URL of the copy."""
    for name in ("crm.db", "crm.keys.db"):
        for suffix in ("", *suffixes):
            if (source / f"{name}{suffix}").exists():
                shutil.copy(source / f"{name}{suffix}", target / f"{name}{suffix}")
                (target / f"{name}{suffix}").chmod(0o444)
    target.chmod(0o555)
    return f"sqlite:///{target / 'crm.db'}?mode=ro"


def read(url: str) -> list[Any]:
    with CRM.open(url, follow=[pipeline, directory]) as crm:
        names = [str(row.name) for row in crm.view(directory) if row.kind == "contact"]
        return [crm.status().position, crm.verify().intact, len(crm.view(pipeline)), names]


@pytest.mark.parametrize("unprivileged", [True, False])
@pytest.mark.parametrize(
    ("suffixes", "outcome"),
    [
        (["-wal", "-shm"], "whole"),
        (["-wal"], "whole"),
        ([], "its -wal is missing"),
        (["-shm"], "its -wal is missing"),
    ],
)
def test_a_copy_of_a_running_database_is_read_to_its_end_or_refused_and_never_touched(
    suffixes: list[str], outcome: str, *, unprivileged: bool, open_folder: Path, tmp_path: Path
) -> None:
    with a_live_history(tmp_path) as crm:
        url = copied(tmp_path, open_folder, *suffixes)
        whole = [10, True, 5, ["Ada"] * 5]
        assert crm.status().position == 10
    before = fingerprint(open_folder)
    answered = as_nobody if unprivileged else _told
    for _ in range(2):
        kind, said = answered(lambda: read(url))
        if outcome == "whole":
            assert (kind, said) == ("answer", whole)
        else:
            assert kind == "IncompleteCopy"
            assert outcome in said
            assert "crm backup" in said
    assert fingerprint(open_folder) == before


def _told(work: Callable[[], Any]) -> Any:
    try:
        return ["answer", work()]
    except Exception as error:  # noqa: BLE001 - compared with what is expected
        return [type(error).__name__, str(error)]


def test_a_database_that_was_closed_is_one_file_and_read_without_a_trace(open_folder: Path, tmp_path: Path) -> None:
    a_live_history(tmp_path).close()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["crm.db", "crm.keys.db"]
    url = copied(tmp_path, open_folder)
    before = fingerprint(open_folder)
    assert as_nobody(lambda: read(url)) == ["answer", [10, True, 5, ["Ada"] * 5]]
    assert _told(lambda: read(url)) == ["answer", [10, True, 5, ["Ada"] * 5]]
    assert fingerprint(open_folder) == before


@pytest.mark.parametrize("where", ["frame", "half a frame", "header", "one bit", "zeros", "a frame from the middle"])
@pytest.mark.parametrize("with_index", [True, False])
def test_a_damaged_tail_is_refused_not_cut_off_in_silence(
    where: str, *, with_index: bool, open_folder: Path, tmp_path: Path
) -> None:
    with a_live_history(tmp_path):
        url = copied(tmp_path, open_folder, "-wal", *(["-shm"] if with_index else []))
    open_folder.chmod(0o755)
    wal = open_folder / "crm.db-wal"
    wal.chmod(0o644)
    data = bytearray(wal.read_bytes())
    frame = 24 + int.from_bytes(data[8:12], "big")
    assert (len(data) - 32) % frame == 0
    assert len(data) > 32 + 3 * frame
    match where:
        case "frame":
            last_commit = next(
                at for at in range(len(data) - frame, 32, -frame) if any(data[at - frame + 4 : at - frame + 8]) is False
            )
            data = data[:last_commit]
        case "half a frame":
            data = data[: -frame // 2]
        case "header":
            data = data[:20]
        case "one bit":
            data[32 + frame + 100] ^= 1
        case "zeros":
            data[-frame:] = bytes(frame)
        case _:
            del data[32 + frame : 32 + 2 * frame]
    wal.write_bytes(data)
    before = fingerprint(open_folder)
    assert _told(lambda: read(url))[0] == "IncompleteCopy"
    assert fingerprint(open_folder) == before


def test_a_tail_cut_at_a_commit_is_found_out_by_the_index_beside_it(open_folder: Path, tmp_path: Path) -> None:
    with a_live_history(tmp_path):
        url = copied(tmp_path, open_folder, "-wal", "-shm")
    open_folder.chmod(0o755)
    wal = open_folder / "crm.db-wal"
    data = wal.read_bytes()
    frame = 24 + int.from_bytes(data[8:12], "big")
    ends = [at for at in range(32, len(data), frame) if any(data[at + 4 : at + 8])]
    wal.chmod(0o644)
    wal.write_bytes(data[: ends[-2] + frame])
    assert read_tail(wal).torn is None
    kind, said = _told(lambda: read(url))
    assert kind == "IncompleteCopy"
    assert "its -shm speaks of" in said


def test_frames_that_an_earlier_round_left_behind_are_no_damage(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
        for _ in range(20):
            connection.execute("INSERT INTO t VALUES (randomblob(9000))")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        size = (tmp_path / "a.db-wal").stat().st_size
        connection.execute("INSERT INTO t VALUES (1)")
        assert (tmp_path / "a.db-wal").stat().st_size == size
        tail = read_tail(tmp_path / "a.db-wal")
        assert tail.torn is None
        assert 0 < tail.committed < 5
        for suffix in ("", "-wal"):
            shutil.copy(tmp_path / f"a.db{suffix}", tmp_path / f"b.db{suffix}")
    copy = SqliteCopy(str(tmp_path / "b.db"))
    with copy.reading() as transaction:
        assert transaction.execute("SELECT count(*) FROM t").fetchone() == (21,)
    copy.close()


def test_a_reader_beside_a_running_writer_sees_each_commit_and_adds_nothing(tmp_path: Path) -> None:
    with a_live_history(tmp_path) as writer:
        names = sorted(one.name for one in tmp_path.iterdir())
        with CRM.open(f"sqlite:///{tmp_path / 'crm.db'}?mode=ro", follow=[pipeline]) as reader:
            for position in (10, 11, 12):
                assert reader.status().position == position
                assert len(reader.view(pipeline)) == position - 5
                writer.execute(DEAL, by="ann")
            assert len(reader.view(pipeline)) == 8
        assert sorted(one.name for one in tmp_path.iterdir()) == names
        assert writer.verify().intact


def test_a_reader_notices_that_a_file_which_lay_still_is_written_to(tmp_path: Path) -> None:
    a_live_history(tmp_path).close()
    with CRM.open(f"sqlite:///{tmp_path / 'crm.db'}?mode=ro", follow=[]) as reader:
        assert reader.status().position == 10
        with CRM.open(f"sqlite:///{tmp_path / 'crm.db'}", follow=[]) as writer:
            writer.execute(DEAL, by="ann")
            assert reader.status().position == 11
        assert reader.status().position == 11


def test_without_the_keys_personal_values_are_withheld_and_no_key_store_is_made(
    open_folder: Path, tmp_path: Path
) -> None:
    with CRM.open(f"sqlite:///{tmp_path / 'crm.db'}", follow=[]) as crm:
        ada = crm.execute(AddContact(name="Ada"), by="ann").id
    url = copied(tmp_path, open_folder)
    open_folder.chmod(0o755)
    (open_folder / "crm.keys.db").unlink()
    before = fingerprint(open_folder)
    with CRM.open(url, follow=[directory]) as crm:
        [fact] = crm.history(ada)
        assert fact.event.name == WITHHELD  # type: ignore[attr-defined]
        assert str(crm.view(directory).one().name) == "[withheld]"
        assert crm.verify().intact
    assert fingerprint(open_folder) == before
    with pytest.raises(DatabaseUnavailable, match="there is no file"):
        CRM.open(f"{url}&keys={open_folder}/none.db")
    assert fingerprint(open_folder) == before


REFUSED: dict[str, Callable[[CRM], object]] = {
    "execute": lambda crm: crm.execute(DEAL, by="ann"),
    "execute many": lambda crm: list(crm.execute_many([DEAL], by="ann")),
    "forget": lambda crm: crm.execute(ForgetPerson(contact_id=DEAL.deal_id, ground="child"), by="ann"),  # type: ignore[arg-type]
    "settle": lambda crm: crm.settle(),
    "settle policies": lambda crm: crm.settle(policies=True),
    "run": lambda crm: crm.run(),
    "tick": lambda crm: crm.tick(),
    "rebuild": lambda crm: crm.rebuild(pipeline),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_change_something_is_refused(what: str, disk_url: str) -> None:
    with CRM.open(disk_url, follow=[pipeline]) as crm:
        crm.execute(DEAL, by="ann")
    with CRM.open(_ro(disk_url), follow=[pipeline]) as crm:
        with pytest.raises(ReadOnly, match="opened for reading"):
            REFUSED[what](crm)
        assert crm.status().position == 1
        assert crm.status().durability == "read-only"


def test_a_view_that_nobody_folded_is_folded_in_memory_and_narrowed_and_asked_as_ever(disk_url: str) -> None:
    with CRM.open(disk_url, follow=[pipeline, directory]) as crm:
        crm.execute(DEAL, by="ann")
        crm.settle()
        behind = crm.execute(DEAL, by="ann")
        with CRM.open(_ro(disk_url), follow=[pipeline, directory]) as reader:
            assert len(reader.view(pipeline)) == 2
            assert len(reader.view(pipeline, after=1)) == 1, "what is folded that far is read as it is"
            assert reader.view(pipeline, after=behind).where(deal_id=behind.id).one().owner == "ann"
            assert (
                reader.view(pipeline, durable=True).ask(lambda transaction: pipeline.table.count(transaction, {})) == 2
            )
            assert len(reader.view(pipeline, as_of=1)) == 1
            crm.execute(DEAL, by="ann")
            assert len(reader.view(pipeline)) == 3
            assert [one.position for one in reader.status().followers] == [1, 1], "nothing was written"
        crm.settle()
        assert len(crm.view(pipeline)) == 3


def test_what_holds_no_crm_is_not_made_one(disk_url: str, tmp_path: Path) -> None:
    with pytest.raises((NotACRMDatabase, DatabaseUnavailable), match="crm init"):
        CRM.open(_ro(disk_url))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises((NotACRMDatabase, DatabaseUnavailable), match="crm init"):
        CRM.open(disk_url, create=False)
    assert list(tmp_path.iterdir()) == []


def test_memory_is_always_new_and_a_mode_is_ro_or_rw() -> None:
    for url in ("memory://?mode=ro", "sqlite:///a.db?mode=r"):
        with pytest.raises(Invalid) as caught:
            CRM.open(url)
        assert caught.value.field == "mode"


def test_a_copy_of_another_schema_is_refused(tmp_path: Path) -> None:
    CRM.open(f"sqlite:///{tmp_path / 'crm.db'}", follow=[]).close()
    with closing(sqlite3.connect(tmp_path / "crm.db")) as connection, connection:
        connection.execute("UPDATE crm_meta SET value = '7' WHERE name = 'schema'")
    with pytest.raises(SchemaMismatch, match="crm migrate"):
        CRM.open(f"sqlite:///{tmp_path / 'crm.db'}?mode=ro", follow=[])


@pytest.mark.postgres
def test_the_server_itself_refuses_to_change_anything_for_a_reader(postgres_url: str) -> None:
    CRM.open(postgres_url, follow=[]).close()
    with CRM.open(_ro(postgres_url), follow=[]) as crm:
        with (
            pytest.raises(StoreError, match="25006"),
            crm._store.database.looking() as transaction,  # noqa: SLF001 - past our own refusal
        ):
            transaction.execute("INSERT INTO crm_followers VALUES ('x', 0, '')")
        with pytest.raises(ReadOnly), crm._store.database.writing():  # noqa: SLF001 - the same
            pass


def test_an_incomplete_copy_says_which_file() -> None:
    assert IncompleteCopy("crm.db", "so").file == "crm.db"


def _ro(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}mode=ro"
