"""A small scenario folder whose files a test changes before it is loaded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from heteroplan.errors import InputError
from heteroplan.inputs import Loaded, load


class ScenarioFiles:
    """One workload with a prefill and a decode engine of given capacity, on two H100 nodes.

    Two hourly intervals at 5 and 8 requests/s from 2026-11-23 in UTC.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workload: dict[str, Any] = {
            "name": "chat",
            "model": "llama",
            "profile": "profile.yaml",
            "demand": "demand.csv",
            "requests": {"isl": 1000, "osl": 200},
            "slo": {"ttft_ms": 1000, "itl_ms": 60},
        }
        self.scenario: dict[str, Any] = {
            "name": "small",
            "fleet": "fleet.yaml",
            "horizon": {"start": "2026-11-23", "intervals": 2, "interval": "1h"},
            "workloads": [self.workload],
        }
        self.leaf: dict[str, Any] = {"leaf": "l1", "nodes": {"h100x8": 2}}
        self.fleet: dict[str, Any] = {
            "name": "two-nodes",
            "node_types": [node_type("h100x8", "H100-SXM-80GB")],
            "network": [{"cluster": "c1", "spines": [{"spine": "s1", "leaves": [self.leaf]}]}],
        }
        self.profile: dict[str, Any] = {
            "model": "llama",
            "engines": [engine("p", "prefill"), engine("d", "decode")],
        }
        self.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,8\n"

    def write(self) -> Path:
        """Write all files; the folder."""
        for name, content in (
            ("scenario.yaml", self.scenario),
            ("fleet.yaml", self.fleet),
            ("profile.yaml", self.profile),
        ):
            text = yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)
            (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / "demand.csv").write_text(self.demand, encoding="utf-8")
        return self.folder

    def add_leaf(self, leaf: str, nodes: dict[str, int], *, spine: str = "s1") -> None:
        """One more leaf, and its spine where there is none of that name."""
        spines = self.fleet["network"][0]["spines"]
        below = next((each["leaves"] for each in spines if each["spine"] == spine), None)
        if below is None:
            below = []
            spines.append({"spine": spine, "leaves": below})
        below.append({"leaf": leaf, "nodes": nodes})

    def load(
        self, *overrides: str, interval: str | None = None, current: str | None = None
    ) -> Loaded:
        """Write all files and load them."""
        return load(str(self.write()), overrides=overrides, interval=interval, current=current)

    def problems(
        self, *overrides: str, interval: str | None = None, current: str | None = None
    ) -> list[str]:
        """The messages that loading gives, without line numbers."""
        with pytest.raises(InputError) as caught:
            self.load(*overrides, interval=interval, current=current)
        return [str(replace(problem, line=0)) for problem in caught.value.problems]


def node_type(name: str, gpu: str, gpus: int = 8) -> dict[str, Any]:
    """A node type of a fleet file."""
    return {
        "name": name,
        "gpu": gpu,
        "gpus": gpus,
        "nic_gbit_per_s": 3200,
        "usd_per_gpu_hour": 2.5,
    }


def engine(name: str, role: str, **others: Any) -> dict[str, Any]:
    """An engine of a profile file, at 10 requests/s per replica unless `others` say more."""
    plain = {"name": name, "role": role, "gpu": "H100-SXM-80GB", "gpus": 4, "capacity_rps": 10}
    return {key: value for key, value in (plain | others).items() if value is not None}


def divided(name: str, role: str, **others: Any) -> dict[str, Any]:
    """A divided engine: attention on 4 H100 at 10 requests/s, ffn on 8 L40S at 20 a replica."""
    attention = {"name": "attention", "gpu": "H100-SXM-80GB", "gpus": 4, "capacity_rps": 10}
    ffn = {"name": "ffn", "gpu": "L40S-48GB", "gpus": 8, "capacity_rps": 20}
    plain = {"name": name, "role": role, "parts": [attention, ffn]}
    return {key: value for key, value in (plain | others).items() if value is not None}
