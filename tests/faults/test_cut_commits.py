"""The connection breaks while COMMIT is under way: the command is carried out once, and the caller gets its receipt."""

from collections.abc import Callable
from typing import get_args

import pytest

from tests.faults.cutting import cut_commits
from tests.faults.proxy import When
from tests.postgres_server import PostgresServer

COMMANDS = 200


@pytest.mark.parametrize("when", get_args(When))
def test_a_cut_connection_doubles_nothing_and_every_command_gets_its_receipt(
    when: When, own_postgres: Callable[..., PostgresServer], figures: Callable[..., None]
) -> None:
    found = cut_commits(own_postgres(tcp=True), when, commands=COMMANDS)
    figures(when=when, **found.figures)

    assert found.errors == []
    assert (found.doubled, found.lost) == (0, 0)
    assert found.commands == COMMANDS
    assert found.cuts.total() >= 20
