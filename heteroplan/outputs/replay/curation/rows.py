"""A curation as rows: all trials as CSV, policies as a frame."""

import csv
import io
from typing import TYPE_CHECKING

from heteroplan.outputs.replay.curation.figures import candidates
from heteroplan.outputs.shared.frames import numbers
from heteroplan.simulation.curation.results import Curation

if TYPE_CHECKING:
    from pandas import DataFrame


def trials_csv(curation: Curation) -> str:
    """One row a trial on the seen part; options that a policy does not have are empty."""
    names = list(dict.fromkeys(n for p in curation.policies for t in p.trials for n in t.options))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    unit = "cost_usd" if curation.objective == "cost" else "gpu_hours"
    writer.writerow(("policy", "trial", unit, "slo_shortfall", *names, "plan"))
    for policy in curation.policies:
        for number, trial in enumerate(policy.trials, start=1):
            options = (
                f"{trial.options[name]:g}" if name in trial.options else "" for name in names
            )
            figures = (f"{trial.score.amount:.9g}", f"{trial.score.shortfall:.9g}")
            writer.writerow((policy.policy, number, *figures, *options, curation.plan_id or ""))
    return text.getvalue()


def policies_frame(curation: Curation) -> "DataFrame":
    """Rows of policies with given and with found options (`-` where nothing was searched)."""
    from pandas import DataFrame

    rows = list(candidates(curation))
    return DataFrame(
        {
            "policy": [policy.policy for policy, *_ in rows],
            "options": [name for _, name, _ in rows],
            "slo_kept": [curation.keeps_slo(each.unseen) for *_, each in rows],
            "gpu_hours": numbers(each.unseen.gpu_hours for *_, each in rows),
            "cost_usd": numbers(each.unseen.cost_usd for *_, each in rows),
            "in_time_share": numbers(each.unseen.share for *_, each in rows),
            "seen_gpu_hours": numbers(each.seen.gpu_hours for *_, each in rows),
            "seen_cost_usd": numbers(each.seen.cost_usd for *_, each in rows),
            "seen_in_time_share": numbers(each.seen.share for *_, each in rows),
        }
    )
