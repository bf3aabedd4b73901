"""`crm pipeline`: the board, stage by stage."""

from collections.abc import Iterable
from datetime import tzinfo
from itertools import groupby
from typing import Any

from rich.text import Text

from crm_core.cli.desk import Answer, Desk
from crm_core.cli.look import Sparing, heading, moment, stack
from crm_core.cli.moments import zone_of
from crm_core.cli.options import Axis, Moment, Zone
from crm_core.kernel.money import total
from crm_core.kernel.personal import Erased
from projections.pipeline import PipelineRow
from projections.pipeline import pipeline as view
from projections.verbs.rows import names_of, rows_of

_COLUMNS = ("stage", "deal", "title", "owner", "amount", "%", "since", "closes")
_STYLES = {"won": "green", "lost": "red"}
_LAST = {"open": 0, "won": 1, "lost": 2}


def pipeline(desk: Desk, as_of: Moment = None, tz: Zone = "UTC", axis: Axis = "recorded") -> Answer:
    """Every deal by stage, with its amount, and what each stage is worth."""
    at, past, zone = desk.moment(as_of, tz, axis), as_of is not None, zone_of(tz)
    rows = sorted(rows_of(desk, view, at, past=past), key=_order)
    names = names_of(desk, [row.deal_id for row in rows], at, past=past)
    deals = [{"title": names.get(row.deal_id), **view.table.plain(row)} for row in rows]
    cells = [_cells(row, names.get(row.deal_id), zone) for row in rows]
    board = Sparing(_COLUMNS, cells, zone, wraps=["title"], spare=["since", "%"])
    counted = " · ".join(f"{_worth(rows, status)} {status}" for status in ("open", "won"))
    return Answer(
        {"as_of": at.as_dict(), "stages": _stages(rows), "deals": deals},
        stack(heading("pipeline", counted), board),
        moment(at, zone),
    )


def _cells(row: PipelineRow, title: str | Erased | None, zone: tzinfo) -> list[Any]:
    stage = Text(row.stage.replace("_", " ").capitalize(), _STYLES.get(row.status, ""))
    since = row.in_stage_since.astimezone(zone).date()
    chance = Text(str(row.probability), justify="right")
    return [stage, row.deal_id, title, row.owner, row.amount, chance, since, row.closed_on or row.expected_close]


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


def _worth(rows: Iterable[PipelineRow], status: str) -> str:
    deals = [row.amount for row in rows if row.status == status]
    sums = " + ".join(map(str, total(deals).values()))
    return f"{len(deals)} {'deal' if len(deals) == 1 else 'deals'} for {sums}" if deals else "nothing"
