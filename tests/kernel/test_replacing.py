"""A changed state is what `dataclasses.replace` would make of it, whatever kind of dataclass it is."""

import dataclasses
import pickle
from dataclasses import dataclass, field
from typing import Any

import pytest

from crm_core.deal.deal import Deal
from crm_core.kernel.replacing import maker, replace
from projections import standard


@dataclass(frozen=True, slots=True)
class Plain:
    """As states and rows are."""

    name: str
    amount: int = 0
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Only:
    """One field."""

    name: str


@dataclass(frozen=True, slots=True)
class Careful:
    """Looks at itself when it is made."""

    name: str
    amount: int = 0

    def __post_init__(self) -> None:
        if self.amount < 0:
            msg = "less than nothing"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Longer(Plain):
    """Inherits its fields."""

    more: str = ""


@dataclass(frozen=True)
class Roomy:
    """Without slots."""

    name: str
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Reckoned:
    """One field is not given."""

    name: str
    length: int = field(init=False, default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Fields by name only."""

    name: str
    amount: int = 0


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        (Plain("a", 1, ("x",)), {"amount": 2}),
        (Plain("a", 1, ("x",)), {"tags": (), "name": "b"}),
        (Plain("a"), {}),
        (Only("a"), {"name": "b"}),
        (Careful("a"), {"amount": 2}),
        (Longer("a", 1, (), "x"), {"amount": 2, "more": "y"}),
        (Roomy("a"), {"amount": 2}),
        (Reckoned("a"), {"name": "b"}),
        (Named(name="a"), {"amount": 2}),
    ],
    ids=repr,
)
def test_a_changed_state_is_what_the_standard_library_makes_of_it(state: Any, changes: dict[str, Any]) -> None:
    before = repr(state)
    changed = replace(state, **changes)
    assert changed == dataclasses.replace(state, **changes)
    assert type(changed) is type(state)
    assert hash(changed) == hash(dataclasses.replace(state, **changes))
    assert pickle.loads(pickle.dumps(changed)) == changed  # noqa: S301 - our own
    assert repr(state) == before
    for name in [one.name for one in dataclasses.fields(state)]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(changed, name, None)


@pytest.mark.parametrize("state", [Plain("a"), Careful("a"), Longer("a"), Roomy("a")], ids=repr)
@pytest.mark.parametrize("name", ["colour", "__class__", "__post_init__"])
def test_a_field_that_is_not_there_cannot_be_changed(state: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"{type(state).__name__} has no field '{name}'"):
        replace(state, **{name: 1})


def test_what_a_class_insists_on_holds_for_changed_states_too() -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        replace(Careful("a"), amount=-1)


@pytest.mark.parametrize("cls", [Plain, Only, Longer, Roomy, Deal, *(view.row for view in standard())])
def test_a_state_made_of_all_its_values_is_the_state(cls: Any) -> None:
    values = [f"value {number}" for number, _ in enumerate(dataclasses.fields(cls))]
    made = maker(cls)(values)
    assert type(made) is cls
    assert [getattr(made, one.name) for one in dataclasses.fields(cls)] == values
    assert made == cls(*values)
