"""The same form, sent at once by many threads of several processes, each of which built it anew."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from crm_core import CRM
from crm_core.commands import SubmitForm
from tests.faults.children import fork

PROCESSES = 3
THREADS = 32
NAME = "Zebulon Quix"


def form(name: str = NAME) -> SubmitForm:
    """A form as a web server builds it from what was posted: without any id."""
    return SubmitForm(form="demo_request", name=name, email="zebulon@example.com", message="Call me, please.")


def rush(url: str, command_id: UUID, folder: Path, when_ready: Callable[[], None] = lambda: None) -> list[Any]:
    """The receipts, or the names of errors, that all of them got."""
    [go, let_go], [ready, is_ready] = os.pipe(), os.pipe()

    def child(number: int) -> None:
        outcomes: list[Any] = [None] * THREADS
        with CRM.open(url, follow=[]) as crm:
            start = threading.Barrier(THREADS)

            def send(place: int) -> None:
                start.wait()
                try:
                    outcomes[place] = crm.execute(form(), by="customer:web", command_id=command_id).as_dict()
                except Exception as error:  # noqa: BLE001 - counted
                    outcomes[place] = f"{type(error).__name__}: {error}"

            threads = [threading.Thread(target=send, args=[place]) for place in range(THREADS)]
            os.write(is_ready, b"r")
            os.read(go, 1)
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        (folder / f"{command_id}-{number}").write_text(json.dumps(outcomes))

    children = [fork(lambda number=number: child(number), folder) for number in range(PROCESSES)]  # type: ignore[misc]
    for _ in children:
        os.read(ready, 1)
    when_ready()
    os.write(let_go, b"g" * PROCESSES)
    for one in children:
        one.join(100)
    for end in (go, let_go, ready, is_ready):
        os.close(end)
    return [one for number in range(PROCESSES) for one in json.loads((folder / f"{command_id}-{number}").read_text())]
