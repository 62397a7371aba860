"""A signal study as a page: one file to open from disk or to attach."""

import numpy as np

from heteroplan.inputs.plan_ids import META
from heteroplan.outputs.replay.page import STYLE, columns_section
from heteroplan.outputs.replay.study.charts import cache_chart, signal_panels
from heteroplan.outputs.replay.study.figures import (
    cache_columns,
    columns_sentence,
    heading,
    in_time_sentence,
    setting_sentence,
    signal_columns,
    speed_sentence,
    verdict,
)
from heteroplan.outputs.shared.page import chart_section, page, render, table_section
from heteroplan.simulation.study.results import SignalStudy, Verdict

_LOADS = (0.1, 0.5, 1.0, 1.2)
"""That have a column in the table; charts and CSV have all."""


def study_html(study: SignalStudy) -> str:
    """The study as a self-contained page: findings, curves, figures, the prefix cache."""
    title = f"{study.scenario}: signals of {study.workload}"
    failed = any(each.verdict is Verdict.NOT_REPRODUCED for each in study.findings)
    left_out = {f"{100 * load:.0f} %" for load in study.loads if not np.isclose(load, _LOADS).any()}
    return page(
        title,
        [
            render(
                "verdict_head.html",
                title=title,
                below=heading(study),
                verdict_class="partly" if failed else "good",
                verdict=verdict(study),
                notes=[setting_sentence(study), in_time_sentence(study)],
            ),
            table_section(
                "Findings of HeteroScale, one by one",
                ("paper", "verdict", "here"),
                [(each.paper, each.verdict.value, each.here) for each in study.findings],
                text_columns={0, 1, 2},
            ),
            chart_section("signals", "Signals by load", signal_panels(study)),
            columns_section(
                "Signals",
                [each for each in signal_columns(study) if each.head not in left_out],
                {0, 1},
                below=[columns_sentence(study)],
            ),
            chart_section("cache", "Prefill TPS and the prefix cache", cache_chart(study)),
            columns_section("Loads and hit rates", cache_columns(study), set()),
            render("notes.html", head="Simulation", notes=[speed_sentence(study)]),
        ],
        style=STYLE,
        meta={META: study.plan_id or ""},
    )
