"""A CRM that was opened before a fork is used by parent and children alike, whatever other threads were doing."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest

import crm_core.store.forking
from crm_core import CRM, CRMError, Money
from crm_core.commands import AddContact, OpenDeal, SwitchOnPolicy
from crm_core.errors import StoreError
from crm_core.store.postgres import PostgresDatabase
from crm_core.store.sqlite import SqliteDatabase
from policies import thank_on_purchase
from projections import pipeline
from tests.faults.children import Child, fork, pause
from tests.faults.workload import id_of

EACH = 200


def work(crm: CRM, who: int, commands: int = EACH) -> None:
    """New people and deals, each known to be in the view at once."""
    for number in range(commands):
        if number % 2:
            crm.execute(AddContact(contact_id=id_of("fork", who, number), name="Ada"), by="ann")
        else:
            crm.execute(OpenDeal(title="New roof", amount=Money("1", "EUR"), owner="ann"), by="ann")


def is_whole(crm: CRM, commands: int) -> bool:
    """Whether every command is in the log once, without a gap, and the chain holds."""
    return [fact.position for fact in crm.log()] == list(range(1, commands + 1)) and crm.verify().intact


@contextmanager
def others_at_work(crm: CRM) -> Iterator[list[int]]:
    """Four threads that write and read all the time; gives how many commands each has carried out."""
    done, over, failures = [0] * 4, threading.Event(), []

    def run(number: int) -> None:
        try:
            while not over.is_set():
                receipt = crm.execute(
                    AddContact(contact_id=id_of("thread", number, done[number]), name="Ada"), by="ann"
                )
                done[number] += 1
                crm.view(pipeline, after=receipt)
        except Exception as error:  # noqa: BLE001 - raised by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def test_four_children_and_their_parent_share_one_handle(disk_url: str, tmp_path: Path) -> None:
    with CRM.open(disk_url, follow=[pipeline]) as crm:
        crm.execute(AddContact(name="Ada"), by="ann")
        with others_at_work(crm) as done:
            children = [fork(lambda who=who: work(crm, who), tmp_path) for who in range(4)]  # type: ignore[misc]
            work(crm, 4)
            for child in children:
                child.join()
        assert is_whole(crm, 1 + 5 * EACH + sum(done))
        assert len(crm.view(pipeline, after=crm.status().position)) == 5 * EACH / 2
    with CRM.open(disk_url, follow=[]) as crm:
        assert is_whole(crm, 1 + 5 * EACH + sum(done))


@contextmanager
def holding(locks: list[Any]) -> Iterator[None]:
    """Another thread has taken these locks."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        for one in locks:
            one.acquire()
        held.set()
        over.wait()
        for one in locks:
            one.release()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


def every_lock(crm: CRM) -> list[Any]:
    """Whatever a thread may hold at the moment of a fork."""
    store = crm._store  # noqa: SLF001 - its insides are the point
    owners = [crm, crm._loader, crm._forgetting, crm._writer.in_force, store.keys, store.keys._database, store.database]  # noqa: SLF001
    locks = [value for owner in owners for value in vars(owner).values() if hasattr(value, "acquire")]
    assert len(locks) >= len(owners)
    return locks


def test_locks_that_other_threads_held_at_the_fork_are_free_in_the_child(disk_url: str, tmp_path: Path) -> None:
    def child() -> None:
        crm.execute(SwitchOnPolicy(policy=thank_on_purchase.name), by="ann")
        receipt = crm.execute(AddContact(name="Ada"), by="ann")
        assert len(crm.view(pipeline, after=receipt)) == 1
        crm.settle(policies=True)
        crm.close()

    with CRM.open(disk_url, follow=[pipeline, thank_on_purchase]) as crm:
        crm.execute(OpenDeal(title="New roof", amount=Money("1", "EUR"), owner="ann"), by="ann")
        crm.settle()
        with holding(every_lock(crm)):
            born = fork(child, tmp_path)
            born.join(30)
        work(crm, 1, 10)
        assert is_whole(crm, 13)


def outlive_the_parent(url: str, folder: Path) -> bool:
    """A child goes on when its parent has closed, and while others open and close; whether nothing was lost."""
    [told, tell] = os.pipe()

    def child() -> None:
        work(crm, 1, 20)
        os.read(told, 1)
        work(crm, 2)

    with CRM.open(url, follow=[]) as crm:
        crm.execute(AddContact(name="Ada"), by="ann")
        born = fork(child, folder)
        work(crm, 3, 20)
    os.write(tell, b"x")
    with CRM.open(url, follow=[]) as crm:
        work(crm, 4, 100)
    born.join()
    with CRM.open(url, follow=[]) as crm:
        return is_whole(crm, 1 + 20 + 20 + 100 + EACH)


def test_a_child_goes_on_when_its_parent_has_closed(disk_url: str, tmp_path: Path) -> None:
    assert outlive_the_parent(disk_url, tmp_path)


def test_a_child_that_inherits_open_files_loses_what_it_writes(tmp_path: Path) -> None:
    with patch.object(SqliteDatabase, "let_go"):
        try:
            whole = outlive_the_parent(f"sqlite:///{tmp_path}/crm.db", tmp_path)
        except (AssertionError, CRMError):
            whole = False
    assert not whole, "the fault was planted, and nothing came of it"


def test_a_grandchild_may_use_the_handle_too(disk_url: str, tmp_path: Path) -> None:
    def child() -> None:
        work(crm, 1, 5)
        fork(lambda: work(crm, 2, 5), tmp_path).join()
        work(crm, 3, 5)

    with CRM.open(disk_url, follow=[]) as crm:
        work(crm, 4, 5)
        fork(child, tmp_path).join()
        work(crm, 5, 5)
        assert is_whole(crm, 25)


def test_a_fork_waits_for_the_transactions_of_other_threads(tmp_path: Path) -> None:
    inside, forked = threading.Event(), threading.Event()
    found: list[bool] = []

    def long_transaction(crm: CRM) -> None:
        with crm._store.database.writing() as transaction:  # noqa: SLF001 - as a policy would
            inside.set()
            pause(0.1)
            transaction.execute("SELECT 1")
            found.append(forked.is_set())

    with CRM.open(f"sqlite:///{tmp_path}/crm.db", follow=[]) as crm:
        thread = threading.Thread(target=long_transaction, args=[crm])
        thread.start()
        inside.wait()
        born = fork(lambda: work(crm, 1, 5), tmp_path)
        forked.set()
        born.join()
        thread.join()
        assert found == [False]
        assert is_whole(crm, 5)


def test_a_child_that_was_forked_inside_a_transaction_is_told_so_and_the_parent_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/crm.db"

    def child() -> None:
        with pytest.raises(StoreError, match="forked while"):
            crm.execute(AddContact(name="Ada"), by="ann")
        with pytest.raises(StoreError, match="forked while"):
            CRM.open(url, follow=[])
        with CRM.open(f"sqlite:///{tmp_path}/{uuid4()}.db", follow=[]) as other:
            work(other, 1, 5)

    with CRM.open(url, follow=[]) as crm:
        work(crm, 1, 5)
        with crm._store.database.reading():  # noqa: SLF001 - as a view's function would
            fork(child, tmp_path).join()
        work(crm, 2, 5)
        assert is_whole(crm, 10)
        inside, over = threading.Event(), threading.Event()

        def long_transaction() -> None:
            with crm._store.database.reading():  # noqa: SLF001 - as a long report would
                inside.set()
                over.wait()

        thread = threading.Thread(target=long_transaction)
        thread.start()
        inside.wait()
        with patch.object(crm_core.store.forking, "FORK_WAIT_S", 0.01):
            born = fork(child, tmp_path)
        over.set()
        thread.join()
        born.join()
        work(crm, 3, 5)
        assert is_whole(crm, 15)


def test_a_history_in_memory_is_copied_by_a_fork(tmp_path: Path) -> None:
    def child() -> None:
        work(crm, 1, 5)
        assert is_whole(crm, 10)

    with CRM.open("memory://", follow=[]) as crm:
        work(crm, 0, 5)
        fork(child, tmp_path).join()
        assert is_whole(crm, 5)


@pytest.mark.postgres
def test_a_transaction_dies_with_its_process_though_children_live_on(postgres_url: str, tmp_path: Path) -> None:
    [told, tell], [rests, wake] = os.pipe(), os.pipe()
    grandchildren: list[Child] = []

    def parent() -> None:
        with CRM.open(postgres_url, follow=[]) as crm, crm._store.database.writing() as transaction:  # noqa: SLF001 - held open
            transaction.lock_log()
            grandchildren.append(fork(lambda: os.read(rests, 1), tmp_path))
            os.write(tell, b"f")
            pause(60)

    born = fork(parent, tmp_path)
    os.read(told, 1)
    born.kill()
    with CRM.open(postgres_url, follow=[]) as crm:
        work(crm, 1, 5)  # would wait for the log's lock
        assert is_whole(crm, 5)
    os.write(wake, b"x")


@pytest.mark.postgres
def test_a_block_that_a_fork_interrupts_cannot_reach_the_parents_transaction(postgres_url: str, tmp_path: Path) -> None:
    with CRM.open(postgres_url, follow=[]) as crm:
        database = crm._store.database  # noqa: SLF001 - as a view's function would
        assert isinstance(database, PostgresDatabase)
        me = os.getpid()
        failure: Callable[[], Path] = lambda: tmp_path / "child"  # noqa: E731 - a name for a place
        try:
            with database.writing() as transaction:
                transaction.execute("INSERT INTO crm_meta (name, value) VALUES ('forked', ?)", [str(uuid4())])
                pid = os.fork()
                if pid:
                    os.waitpid(pid, 0)
        except BaseException as error:
            if os.getpid() != me:
                failure().write_text(type(error).__name__)
            raise
        finally:
            if os.getpid() != me:
                os._exit(0)
        assert failure().read_text() == "DatabaseUnavailable"
        with database.looking() as transaction:
            assert transaction.execute("SELECT count(*) FROM crm_meta WHERE name = 'forked'").fetchone() == (1,)
