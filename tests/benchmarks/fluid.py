"""The fluid level on weeks of many workloads: `python -m tests.benchmarks.fluid`.

By hand; a minute or two. `--days N`, `--workloads N`, `--policy NAME`.
"""

import argparse
from dataclasses import asdict, replace
from functools import partial
from math import pi, sin
from time import process_time

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import DecodeCoefficients, Engine, PrefillCoefficients, Role
from heteroplan.profiles.capacity.candidates import candidates
from heteroplan.simulation.arrivals.flows import from_demand
from heteroplan.simulation.arrivals.rates import Planned
from heteroplan.simulation.policies.registry import PolicyInputs, policy_kind
from heteroplan.simulation.run import PolicyChoice, ReplaySettings, policy_setting, run_policy
from heteroplan.simulation.system import serving_system
from tests import builders
from tests.benchmarks.markdown import header, row

INTERVAL_S = 900
LEAVES = 4


def engines() -> tuple[Engine, Engine]:
    """About 7 requests/s a prefill replica, 13 a decode replica, of 1000 and 200 tokens."""
    prefill = builders.engine("prefill", role=Role.PREFILL, gpus=1, startup_s=120.0, drain_s=30.0)
    decode = builders.engine("decode", gpus=1, startup_s=120.0, drain_s=30.0)
    return (
        replace(prefill, capacity_rps=None, prefill=PrefillCoefficients(20.0, 0.08, 0.0)),
        replace(
            decode,
            capacity_rps=None,
            decode=DecodeCoefficients(15.0, 0.15, 1e-4),
            kv_tokens=600_000,
            max_sequences=256,
        ),
    )


def scenario(days: int, workloads: int) -> Scenario:
    """Rates that swing by the day, at hours that differ, about 30 requests/s."""
    times = [n * INTERVAL_S / 86400.0 for n in range(days * 86400 // INTERVAL_S)]
    loads = [
        builders.workload(
            f"w{number:02}",
            rps=[30.0 + 25.0 * sin(2.0 * pi * (time + number / workloads)) for time in times],
            engines=engines(),
        )
        for number in range(workloads)
    ]
    fleet = builders.fleet(
        {f"l{n}": {"h100x8": workloads} for n in range(LEAVES)},
        spines={f"l{n}": f"s{n // 2}" for n in range(LEAVES)},
    )
    return builders.scenario(loads, in_fleet=fleet, interval_s=INTERVAL_S)


def measure(days: int, workloads: int, name: str) -> None:
    """CPU seconds of one policy."""
    made = scenario(days, workloads)
    of = [each for load in made.workloads for each in candidates(load, made.fleet)]
    system = serving_system(made, of)
    kind = policy_kind(name)
    inputs = PolicyInputs(policy_setting(system), planned=None, static_peak=None, manifest=None)
    options = kind.options()
    choice = PolicyChoice(name, asdict(options), partial(kind.make, inputs, options))
    brief = from_demand(made, seed=0, planned=Planned(), duration_s=60.0)
    run_policy(system, brief, choice, ReplaySettings())
    began = process_time()
    stream = from_demand(made, seed=0, planned=Planned())
    read_s, began = process_time() - began, process_time()
    found = run_policy(system, stream, choice, ReplaySettings())
    spent_s = process_time() - began
    row(
        name,
        days,
        workloads,
        f"{stream.asked:,}",
        f"{read_s:.1f}",
        f"{spent_s:.1f}",
        f"{found.attainment.both:.4f}",
        f"{found.gpu_hours:,.0f}",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--workloads", type=int, default=50)
    parser.add_argument("--policy", nargs="+", default=["hpa", "proportional"])
    given = parser.parse_args()
    header(
        "Fluid level",
        "Steps of a second, signals and decisions as each policy has them, on one core.",
        (
            *("policy", "days", "workloads", "requests", "rates made [CPU s]", "replay [CPU s]"),
            *("attained", "GPU-hours"),
        ),
    )
    for policy in given.policy:
        measure(given.days, given.workloads, policy)
