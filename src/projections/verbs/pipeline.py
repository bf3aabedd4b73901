"""`crm pipeline`: the board, stage by stage."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from rich.text import Text

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import heading, moment, stack, table
from crm_core.cli.moments import zone_of
from crm_core.cli.options import Axis, Moment, Zone
from crm_core.kernel.money import Money, total
from projections.pipeline import PipelineRow
from projections.pipeline import pipeline as view
from projections.verbs.rows import names_of, rows_of

_STYLES = {"won": "green", "lost": "red"}
_LAST = {"open": 0, "won": 1, "lost": 2}


def pipeline(desk: Desk, as_of: Moment = None, tz: Zone = "UTC", axis: Axis = "recorded") -> Answer:
    """Every deal by stage, with its amount, and what each stage is worth."""
    at, past = desk.moment(as_of, tz, axis), as_of is not None
    rows = sorted(rows_of(desk, view, at, past=past), key=_order)
    names = names_of(desk, [row.deal_id for row in rows], at, past=past)
    shown = [
        (
            Text(f"{_label(row.stage)}", _STYLES.get(row.status, "")), row.deal_id, names.get(row.deal_id), row.owner, row.amount,
            f"{row.probability} %", row.in_stage_since, row.closed_on or row.expected_close,
        )
        for row in rows
    ]  # fmt: skip
    columns = ["stage", "deal", "title", "owner", "amount", "chance", "in stage since", "closes"]
    stages = _stages(rows)
    open_deals = [row for row in rows if row.status == "open"]
    won = [row for row in rows if row.status == "won"]
    return Answer(
        {
            "as_of": at.as_dict(),
            "stages": stages,
            "deals": [{"title": names.get(row.deal_id), **view.table.plain(row)} for row in rows],
        },
        stack(
            heading("pipeline", f"{len(open_deals)} open, {_sums(open_deals)} · {len(won)} won, {_sums(won)}"),
            table(columns, shown, zone_of(tz), wraps="title"),
        ),
        moment(at, zone_of(tz)),
    )


def _order(row: PipelineRow) -> tuple[Any, ...]:
    return row.pipeline, _LAST[row.status], row.probability, row.stage, -row.amount.amount, row.deal_id


def _stages(rows: Iterable[PipelineRow]) -> list[dict[str, Any]]:
    grouped = ((key, list(deals)) for key, deals in groupby(rows, lambda row: (row.pipeline, row.status, row.stage)))
    return [
        {
            "pipeline": pipeline,
            "stage": stage,
            "status": status,
            "deals": len(deals),
            "amounts": list(total(one.amount for one in deals).values()),
        }
        for (pipeline, status, stage), deals in grouped
    ]


def _sums(rows: Iterable[PipelineRow]) -> str:
    sums: dict[str, Money] = total(row.amount for row in rows)
    return " + ".join(str(one) for one in sums.values()) or "nothing"


def _label(stage: str) -> str:
    return stage.replace("_", " ").capitalize()
