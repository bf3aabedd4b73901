"""How this business works, as it was decided and changed."""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_core.kernel.fields import Key, Line, Percent
from crm_core.kernel.ids import named_stream
from crm_core.kernel.messages import Event, Message
from crm_core.kernel.personal import Public

StageType: TypeAlias = Literal["open", "won", "lost"]
ForecastCategory: TypeAlias = Literal["pipeline", "best_case", "commit", "closed", "omitted"]


class Stage(Message):
    """One step of a pipeline; `probability` of winning in whole per cent, copied to a deal as it enters."""

    key: Public[Key]
    label: Public[Line]
    probability: Public[Percent]
    type: Public[StageType] = "open"
    forecast_category: Public[ForecastCategory] = "pipeline"


def _pipeline_stream(event: "PipelineDefined") -> UUID:
    return named_stream("pipeline", event.pipeline)


class PipelineDefined(Event, type="pipeline.defined", stream=_pipeline_stream, says="pipeline {pipeline} defined"):
    """From now on deals of this pipeline move through these stages, in this order."""

    pipeline: Public[str]
    stages: Public[tuple[Stage, ...]]


def _policy_stream(event: "PolicySwitchedOn | PolicySwitchedOff") -> UUID:
    return named_stream("policy", event.policy)


class PolicySwitchedOn(Event, type="policy.switched_on", stream=_policy_stream, says="policy {policy} switched on"):
    """The policy reacts from now on: to facts after position `after`; None: after this very fact."""

    policy: Public[str]
    after: Public[int | None] = None


class PolicySwitchedOff(Event, type="policy.switched_off", stream=_policy_stream, says="policy {policy} switched off"):
    """The policy reacts to nothing any more."""

    policy: Public[str]


PolicyEvent: TypeAlias = PolicySwitchedOn | PolicySwitchedOff
