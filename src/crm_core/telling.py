"""What is logged of commands, for operators: types, ids and positions, never what a command says."""

import logging
from collections.abc import Sequence

from crm_core.kernel.errors import CRMError
from crm_core.kernel.recorded import Receipt
from crm_core.session import Prepared

logger: logging.Logger = logging.getLogger("crm_core.writing")


def executed(prepared: Prepared, receipt: Receipt) -> None:
    """It is on record, now or since before."""
    logger.debug("executed %s %s at position %d", _type(prepared), receipt.command_id, receipt.position)


def refused(prepared: Prepared, error: CRMError) -> None:
    """Nothing was recorded. Only the kind of refusal is told: its words may name a customer's things."""
    logger.info("refused %s %s: %s", _type(prepared), prepared.context.command_id, type(error).__name__)


def met_others(prepared: Prepared, attempt: int) -> None:
    """Another writer changed its streams first."""
    logger.debug("%s %s met other writers, attempt %d", _type(prepared), prepared.context.command_id, attempt)


def lost_answer(prepared: Prepared, times: int) -> None:
    """The connection broke before the answer came."""
    logger.info("%s %s lost its connection, time %d", _type(prepared), prepared.context.command_id, times)


def many(ready: Sequence[Prepared | CRMError], outcomes: Sequence[Receipt | CRMError]) -> None:
    """The outcomes of many commands, each as if it had been alone."""
    if not logger.isEnabledFor(logging.INFO):
        return
    for prepared, outcome in zip(ready, outcomes, strict=False):  # a refusal may have stopped the rest
        if isinstance(prepared, CRMError):
            logger.info("refused a command before it was looked at: %s", type(prepared).__name__)
        elif isinstance(outcome, CRMError):
            refused(prepared, outcome)
        else:
            executed(prepared, outcome)


def _type(prepared: Prepared) -> str:
    return type(prepared.command).__name__
