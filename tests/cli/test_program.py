"""The program from outside: as a process, on a terminal, without what it needs, interrupted."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from crm_core import CRM, Money
from crm_core.commands import AddContact, AddNote, RecordPurchase, SwitchOnPolicy
from crm_core.kernel.ids import ContactId
from tests.cli.conftest import Demo, run_crm

MODULE = [sys.executable, "-m", "crm_core"]
PLAIN = {
    name: value for name, value in os.environ.items() if name not in {"CRM_URL", "NO_COLOR", "COLUMNS", "FORCE_COLOR"}
}


def as_process(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, *arguments], capture_output=True, text=True, check=False, env={**PLAIN, **env}, timeout=60
    )


def on_a_terminal(*arguments: str, **env: str) -> str:
    """What a terminal is sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*MODULE, *arguments], stdout=theirs, stderr=theirs, stdin=theirs, env={**PLAIN, "TERM": "xterm", **env}
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal's way to say that nobody writes any more
            break
        if not part:
            break
        sent += part
    os.close(ours)
    assert process.wait(60) == 0
    return sent.decode()


def test_the_module_is_the_program(told: Demo) -> None:
    said = as_process("status", "--json", CRM_URL=told.url)
    assert said.returncode == 0
    assert json.loads(said.stdout)["position"] == told.document["events"]
    assert as_process("bogus").returncode == 2
    assert as_process("--version").stdout.startswith("crm-core ")


def test_errors_of_a_process_are_json_on_stderr() -> None:
    said = as_process("history", "nobody", "--json", CRM_URL="sqlite:///none.db")
    assert (said.returncode, said.stdout) == (2, "")
    assert json.loads(said.stderr)["error"] == "DatabaseUnavailable"


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_typer_or_rich_it_says_how_to_get_them(missing: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None\nfrom crm_core.cli import main\nsys.exit(main(['status']))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=PLAIN)
    assert said.returncode == 2
    assert said.stderr == "The program crm needs typer and rich: pip install 'crm-core[cli]'\n"


def test_the_library_itself_needs_neither() -> None:
    script = "import sys; sys.modules['typer'] = sys.modules['rich'] = None\nimport crm_core.app, projections, policies"
    assert subprocess.run([sys.executable, "-c", script], check=False, env=PLAIN).returncode == 0


def test_a_terminal_is_given_colours_unless_it_asks_for_none(demo: Demo) -> None:
    assert "\x1b[" in on_a_terminal("pipeline", CRM_URL=demo.url)
    assert "\x1b[" in on_a_terminal("rebuild", "timeline", CRM_URL=demo.url)
    for verb in (("pipeline",), ("rebuild", "timeline"), ("--help",)):
        assert "\x1b" not in on_a_terminal(*verb, CRM_URL=demo.url, NO_COLOR="1")


def test_a_pipe_is_given_no_colours_whatever_the_machine(told: Demo) -> None:
    for verb in (("pipeline",), ("--help",)):
        assert "\x1b" not in as_process(*verb, CRM_URL=told.url, GITHUB_ACTIONS="true", TERM="xterm-256color").stdout


def test_text_that_customers_wrote_can_do_nothing_to_a_terminal(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    with CRM.open(url) as crm:
        contact = ContactId(crm.execute(AddContact(name="[bold red]Eve[/]"), by="ann").id)
        crm.execute(AddNote(contact_id=contact, text="[link=x]\x1b]0;pwned\x07\x1b[2J gone [/nonsense]"), by="ann")
    for verb in (("history", str(contact)), ("timeline", str(contact)), ("find", "eve"), ("show", "timeline")):
        said = run_crm(*verb, "--url", url)
        assert said.code == 0
        assert not {"\x1b", "\x07"} & set(said.out)
    assert "[bold red]Eve[/]" in run_crm("find", "eve", "--url", url).out
    note = run_crm("history", str(contact), "--url", url, "--json").document["facts"][-1]
    assert note["event"]["text"] == "[link=x]\x1b]0;pwned\x07\x1b[2J gone [/nonsense]"


def test_an_answer_that_nobody_reads_to_its_end_is_no_tampering(told: Demo) -> None:
    command = [*MODULE, "show", "timeline", "--csv", "--url", told.url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=PLAIN)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"about,")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(20) == 141


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_follows_until_it_is_told_to_stop(number: signal.Signals, demo: Demo) -> None:
    process = subprocess.Popen(
        [*MODULE, "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**PLAIN, "CRM_URL": demo.url}
    )
    assert process.stderr is not None
    assert "following" in process.stderr.readline()
    with CRM.open(demo.url) as crm:
        position = crm.execute(AddContact(name="Noor"), by="ann").position
        while any(one.lag for one in crm.status().followers):
            assert process.poll() is None
            threading.Event().wait(0.02)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == f"position {position}, behind by 0\n"


def test_run_once_lets_policies_act(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    with CRM.open(url) as crm:
        crm.execute(SwitchOnPolicy(policy="thank_on_purchase"), by="ann")
        contact = ContactId(crm.execute(AddContact(name="Noor"), by="ann").id)
        crm.execute(RecordPurchase(contact_id=contact, amount=Money("5", "EUR")), by="ann")
    assert run_crm("run", "--once", "--url", url, "--json").document["position"] == 4
    assert run_crm("history", str(contact), "--url", url, "--json").document["facts"][-1]["type"] == "message.requested"
