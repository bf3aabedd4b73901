"""Recorded histories: files of facts as they were stored, and what was made of them when they were recorded.

JSON lines, each an object of one of these kinds:

```
{"recorded_history": 1, "library": "0.1.0", "followers": ["pipeline/1"]}     the heading; may be left out
{"position": 4, "type": "deal.won", "version": 1, "public": {…}, "personal": {…}, "header": {…}}
{"row_of": "pipeline/1", "key": "…", "row": {…}}        a row of a view, or what a policy remembered
{"state_of": "Deal", "stream": "…", "state": {…}}       what the decisions knew
```

A fact needs `type`, `version` and `public` only. The document of `crm history --json`, or one of its
facts a line, is read as well.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

import crm_core
from crm_core.kernel.errors import Invalid
from crm_core.reading import Stored

FORMAT = 1
_BESIDE = ("says", "event", "event_version")
Rows = dict[str, Any]
"""Key, as JSON text → row, as JSON."""


@dataclass(frozen=True, slots=True)
class RecordedHistory:
    """What a file holds: facts, and, if it says so, rows by follower (name/version) and states by class and stream."""

    facts: Sequence[Stored]
    rows: Mapping[str, Rows] = field(default_factory=dict)
    states: Mapping[tuple[str, str | None], Any] = field(default_factory=dict)


def jsonable(value: Any) -> Any:
    """The value as JSON has it, the same in every process."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: jsonable(getattr(value, one.name)) for one in fields(value)}
    match value:
        case Mapping():
            return {str(to_jsonable_python(key)): jsonable(one) for key, one in value.items()}
        case set() | frozenset():
            return sorted(map(jsonable, value), key=json.dumps)
        case list() | tuple():
            return [jsonable(one) for one in value]
        case _:
            return to_jsonable_python(value)


def lines_of(history: RecordedHistory) -> Iterator[str]:
    """The file's lines."""
    yield _line({"recorded_history": FORMAT, "library": crm_core.__version__, "followers": sorted(history.rows)})
    for fact in history.facts:
        known = {"position": fact.position, "type": fact.type, "version": fact.type_version}
        public, personal = json.loads(fact.public), json.loads(fact.personal)
        header = {"header": json.loads(fact.header)} if fact.header else {}
        yield _line({**known, "public": public, "personal": personal, **header})
    for name, rows in sorted(history.rows.items()):
        for key, row in rows.items():
            yield _line({"row_of": name, "key": json.loads(key), "row": row})
    for (name, stream), state in history.states.items():
        yield _line({"state_of": name, "stream": stream, "state": state})


def read(file: Path) -> RecordedHistory:
    """The history that a file holds.

    Raises:
        Invalid: it is no such file; names the line and what is wrong with it, never what stands there.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(str(file), [("file", f"cannot be read: {type(error).__name__}")]) from None
    found = _Reading(str(file))
    for number, one in _objects(str(file), text):
        found.take(number, one)
    if not found.facts:
        raise Invalid(str(file), [("file", "holds no facts")])
    return RecordedHistory(found.facts, found.rows, found.states)


def _objects(file: str, text: str) -> Iterable[tuple[int, Any]]:
    """Line number and object; the document of `crm history` is one that takes many lines."""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and isinstance(whole.get("facts"), list):
        return [(1, one) for one in whole["facts"]]
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                found.append((number, json.loads(line)))
            except ValueError:
                raise Invalid(file, [(f"line {number}", "must be one JSON object")]) from None
    return found


@dataclass(slots=True)
class _Reading:
    file: str
    facts: list[Stored] = field(default_factory=list)
    rows: dict[str, Rows] = field(default_factory=dict)
    states: dict[tuple[str, str | None], Any] = field(default_factory=dict)

    def take(self, number: int, one: Any) -> None:
        try:
            self._take(one)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            rule = "must be a heading, a fact, a row or a state of a recorded history"
            raise error if isinstance(error, Invalid) else Invalid(self.file, [(f"line {number}", rule)]) from None

    def _take(self, one: dict[str, Any]) -> None:
        match one:
            case {"recorded_history": version}:
                if version != FORMAT:
                    raise Invalid(self.file, [("recorded_history", f"this library reads format {FORMAT}")])
                self.rows.update({name: {} for name in one.get("followers", ())})
            case {"row_of": name, "key": key, "row": row}:
                self.rows.setdefault(name, {})[_line(key)] = row
            case {"state_of": name, "stream": stream, "state": state}:
                self.states[name, stream] = state
            case {"type": name, "version": version, "public": public}:
                self._fact(one, name, version, public, one.get("personal", {}), one.get("header"))
            case {"type": name, "event": event, "event_version": version}:
                header = {key: value for key, value in one.items() if key not in _BESIDE}
                self._fact(one, name, version, event, {}, header)
            case _:
                raise ValueError

    def _fact(self, one: dict[str, Any], name: str, version: int, public: Any, personal: Any, header: Any) -> None:
        if header is not None:
            _ = header["at"], header["recorded_at"], header["by"], header["regards"], UUID(header["stream"])
        position = int(one.get("position", len(self.facts) + 1))
        text = "" if header is None else _line(header)
        if not isinstance(public, dict) or not isinstance(personal, dict):
            raise TypeError
        self.facts.append(Stored(position, str(name), int(version), text, _compact(public), _compact(personal)))


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
