"""What one may ask to be changed about how this business works."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from crm_core.definitions.events import Stage
from crm_core.kernel.fields import Key
from crm_core.kernel.ids import named_stream
from crm_core.kernel.messages import Command
from crm_core.kernel.personal import Public


def _a_pipeline(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    if len({stage.key for stage in stages}) != len(stages):
        raise PydanticCustomError("stages", "stage keys must differ")
    types = [stage.type for stage in stages]
    if types.count("won") != 1 or types.count("lost") != 1 or "open" not in types:
        raise PydanticCustomError("stages", "needs exactly one won stage, one lost stage and an open stage")
    return stages


class DefinePipeline(Command):
    """Say which stages deals of a pipeline move through; the definition in force records nothing.

    Deals stay where they are; what they may do next follows the new definition.
    """

    pipeline: Public[Key]
    stages: Public[Annotated[tuple[Stage, ...], Field(max_length=50), AfterValidator(_a_pipeline)]]

    @property
    def pipeline_id(self) -> UUID:
        """The stream of this pipeline's definitions."""
        return named_stream("pipeline", self.pipeline)


class SwitchOnPolicy(Command):
    """Let a policy react to facts after position `after`; None: from now on.

    Switching on what is on with the same start records nothing.
    """

    policy: Public[Key]
    after: Public[Annotated[int, Field(strict=True, ge=0)] | None] = None

    @property
    def switch_id(self) -> UUID:
        """The stream of this policy's switch."""
        return named_stream("policy", self.policy)


class SwitchOffPolicy(Command):
    """Let a policy react to nothing any more; one that is off records nothing."""

    policy: Public[Key]

    @property
    def switch_id(self) -> UUID:
        """The stream of this policy's switch."""
        return named_stream("policy", self.policy)
