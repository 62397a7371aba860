"""What bursts cost: `python -m tests.benchmarks.burst_price`. By hand; some minutes.

The quickstart scenario with arrivals of a stated dispersion, and the Azure code trace with the
dispersion that was measured, each at its own traffic and at ten times as much with users whose
bursts do not come together (the same dispersion): many streams together are smoother.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import yaml

import heteroplan
from tests.benchmarks.markdown import header, row
from tests.benchmarks.recorded import AZURE_CODE, scenario

DISPERSIONS = (1.0, 5.0, 13.0)
LOADS = ("chat-70b", "code-70b")


def quickstart(traffic: int, dispersion: float) -> float:
    """USD of the day, on a fleet and with demand `traffic` times as large."""
    overrides = [f"workloads.{load}.arrivals={{dispersion: {dispersion:g}}}" for load in LOADS]
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "scenarios" / "quickstart"
        shutil.copytree("scenarios/quickstart", copy)
        for path in copy.glob("demand/*.csv"):
            head, *rows = path.read_text().splitlines()
            grown = (row.split(",") for row in rows)
            lines = (",".join([at, str(float(rps) * traffic), *rest]) for at, rps, *rest in grown)
            path.write_text("\n".join([head, *lines, ""]))
        fleet = yaml.safe_load(Path("fleets/two-spine.yaml").read_text())
        for leaf in (each for c in fleet["network"] for s in c["spines"] for each in s["leaves"]):
            leaf["nodes"] = {kind: n * traffic for kind, n in leaf["nodes"].items()}
        (Path(name) / "fleets").mkdir()
        (Path(name) / "fleets" / "two-spine.yaml").write_text(yaml.safe_dump(fleet))
        found = heteroplan.plan(copy, overrides=overrides)
    return float(found.plan.totals.cost_usd)


def azure(traffic: int, *, poisson: bool) -> float:
    """USD of the recorded hour."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trace = AZURE_CODE.written(folder)
        scenario(AZURE_CODE, trace, folder, poisson=poisson, growth=float(traffic))
        return float(heteroplan.plan(folder).plan.totals.cost_usd)


def main() -> None:
    """Both tables."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    header(
        "What bursts cost",
        "Cost of plans [USD], and over that of Poisson arrivals.",
        ("plan", "arrivals", "traffic x 1", "traffic x 10"),
    )
    for name, words, costs in (
        *(
            ("quickstart", f"dispersion {each:g}", [quickstart(n, each) for n in (1, 10)])
            for each in DISPERSIONS
        ),
        *(
            (
                "Azure code",
                "Poisson" if each else "as measured",
                [azure(n, poisson=each) for n in (1, 10)],
            )
            for each in (True, False)
        ),
    ):
        row(name, words, *(f"{cost:,.0f}" for cost in costs))


if __name__ == "__main__":
    main()
