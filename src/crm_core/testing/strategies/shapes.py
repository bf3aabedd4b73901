"""Rules between the fields of the library's own commands, kept by construction; and words that mean something."""

from typing import Any, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from crm_core.commands import (
    AddNote,
    CaptureLead,
    ConvertLead,
    DefinePipeline,
    ForgetPerson,
    HoldDemo,
    HoldMeeting,
    LogCall,
    MoveDeal,
    OpenDeal,
    ReopenDeal,
    ReplyToTicket,
    SubmitForm,
)
from crm_core.definitions.events import Stage
from crm_core.definitions.pipelines import SHIPPED
from crm_core.kernel.fields import Key
from crm_core.kernel.messages import Command
from crm_core.testing.strategies.messages import Said, Some, message, shape
from crm_core.testing.strategies.values import register, values

_REGARDED = ("contact_id", "lead_id", "deal_id", "ticket_id")
_STAGES = st.sampled_from([stage.key for stage in SHIPPED["standard"]])
WORDS: dict[type[Command], dict[str, SearchStrategy[Any]]] = {
    ConvertLead: {"pipeline": st.just("standard"), "stage": st.none() | _STAGES},
    MoveDeal: {"stage": _STAGES},
    OpenDeal: {"pipeline": st.just("standard"), "stage": st.none() | _STAGES},
    ReopenDeal: {"stage": st.none() | _STAGES},
}
"""What a story says where any word would be refused: the stages of the pipeline that ships with the library."""


@shape(ForgetPerson)
def of_one_person(draw: DrawFn, said: Said, some: Some) -> Said:
    """A contact or a lead, exactly one of them."""
    if (said.get("contact_id") is None) != (said.get("lead_id") is None):
        return said
    name = draw(st.sampled_from(["contact_id", "lead_id"]))
    return {**said, "contact_id": None, "lead_id": None, name: draw(some(name))}


@shape(CaptureLead)
def names_somebody(draw: DrawFn, said: Said, some: Some) -> Said:
    """A person or an organisation."""
    if said.get("name") is None and said.get("company") is None:
        return {**said, "name": draw(some("name"))}
    return said


@shape(ConvertLead)
def new_or_on_record(draw: DrawFn, said: Said, some: Some) -> Said:
    """A new account and deal have all they need; without a name for it there is none to be added."""
    if (said.get("title") is None) != (said.get("amount") is None):
        said = {**said, "title": draw(some("title")), "amount": draw(some("amount"))}
    for name, needed_by in (("deal_id", "title"), ("account_id", "company")):
        if said.get(needed_by) is None:
            said = said if draw(st.booleans()) else {**said, name: None}
        elif name in said and said[name] is None:
            said = {**said, name: draw(some(name))}
    return said


@shape(SubmitForm)
def is_from_somebody(draw: DrawFn, said: Said, some: Some) -> Said:
    """A new lead's, unless it says whose it is."""
    if said.get("contact_id") is None and "lead_id" in said and said["lead_id"] is None:
        return {**said, "lead_id": draw(some("lead_id"))}
    return said


@shape(AddNote, HoldDemo, HoldMeeting, LogCall)
def is_about_something(draw: DrawFn, said: Said, some: Some) -> Said:
    """A ticket, deal, lead or contact."""
    if any(said.get(name) is not None for name in _REGARDED):
        return said
    name = draw(st.sampled_from(_REGARDED))
    return {**said, name: draw(some(name))}


@shape(ReplyToTicket)
def customers_are_public(draw: DrawFn, said: Said, some: Some) -> Said:
    """What a customer writes is no internal note."""
    return {**said, "visibility": "public"} if said.get("author") == "customer" else said


@st.composite
def pipelines(draw: DrawFn) -> tuple[Stage, ...]:
    """Stages of a pipeline: open ones, one won and one lost, whose keys differ."""
    keys = draw(st.lists(values(Key), min_size=3, max_size=6, unique=True))
    types = draw(st.permutations(["won", "lost", *["open"] * (len(keys) - 2)]))
    return tuple(draw(message(Stage, "", {"key": key, "type": one})) for key, one in zip(keys, types, strict=True))


register(get_type_hints(DefinePipeline, include_extras=True)["stages"], pipelines())
