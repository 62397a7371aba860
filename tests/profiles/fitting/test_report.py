from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from heteroplan.entities.workload import Engine, Role, Span
from heteroplan.profiles.fitting.fit import Within
from heteroplan.profiles.fitting.fitted import with_limits
from heteroplan.profiles.fitting.profile_file import RARE, profile_yaml
from heteroplan.profiles.fitting.report import Wanted, fit_all
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from heteroplan.profiles.readers.read import read_measurements
from tests.profiles.fitting.test_fit import PROMPTS, STEPS


def reading(
    *points: Measurement, name: str = "m.csv", sha256: str = "ab"
) -> tuple[str, FileMeasurements]:
    return (name, FileMeasurements(points, sha256=sha256))


def engines(*readings: tuple[str, FileMeasurements]) -> list[Engine]:
    return [each.engine for each in fit_all(readings).fitted]


def test_a_fit_for_each_gpu_size_and_phase() -> None:
    few = Measurement("H100", 8, Role.PREFILL, 1, 128, 0.0, 50.0)
    report = fit_all([reading(*STEPS, *PROMPTS, few)])
    assert [(e.engine.role, e.engine.gpu, e.engine.gpus) for e in report.fitted] == [
        (Role.PREFILL, "H100", 4),
        (Role.DECODE, "H100", 4),
    ]
    assert report.skipped == (
        "1 distinct prefill settings of H100 x8 in range; measure at least 4, or widen the range",
    )
    assert fit_all([reading(*PROMPTS, few)], Wanted(gpus=4)).skipped == ()
    assert fit_all([reading(*PROMPTS)], Wanted(gpu="A100")).fitted == ()


def test_profile_file_of_the_fits() -> None:
    files = [
        reading(*PROMPTS[:4], *STEPS),
        reading(*PROMPTS[4:], name="n.csv", sha256="cd"),
    ]
    fitted = with_limits(fit_all(files).fitted, {("H100", 4): 480_000})
    text = profile_yaml(
        "m",
        [each.engine for each in fitted],
        kv_bytes_per_token=327680.0,
        startup_s=180.0,
        drain_s=30.0,
    )
    assert text.startswith("model")
    assert yaml.safe_load(text) == {
        "model": "m",
        "kv_bytes_per_token": 327680,
        "engines": [
            {
                "name": "h100-tp4-prefill",
                "role": "prefill",
                "gpu": "H100",
                "gpus": 4,
                "startup_s": 180,
                "drain_s": 30,
                "prefill": {
                    "overhead_ms": 20.0,
                    "ms_per_token": 0.05,
                    "ms_per_token_squared": 3e-6,
                },
                "range": {"batch_tokens": [128, 8192]},
                "source": {
                    "kind": "fitted",
                    "from": "m.csv, n.csv",
                    "error_mape": 0.0,
                    "error_worst": 0.0,
                    "points": 7,
                    "sha256": ["ab", "cd"],
                },
            },
            {
                "name": "h100-tp4-decode",
                "role": "decode",
                "gpu": "H100",
                "gpus": 4,
                "startup_s": 180,
                "drain_s": 30,
                "decode": {
                    "base_ms": 22.0,
                    "ms_per_sequence": 0.11,
                    "ms_per_context_token": 2e-5,
                },
                "kv_tokens": 480_000,
                "range": {"batch": [1, 64], "context": [512, 8192]},
                "source": {
                    "kind": "fitted",
                    "from": "m.csv",
                    "error_mape": 0.0,
                    "error_worst": 0.0,
                    "error_beyond": 0.0,
                    "points": 12,
                    "sha256": ["ab"],
                },
            },
        ],
    }


def test_engine_names_stay_apart() -> None:
    """Two types called A100 keep their whole names, in letters that DNS labels allow."""
    points = [
        Measurement(gpu, 4, p.phase, p.batch, p.tokens, p.context, p.latency_ms)
        for gpu in ("A100-SXM-80GB", "A100-PCIe_40GB", "L40S")
        for p in PROMPTS
    ]
    assert sorted(engine.name for engine in engines(reading(*points))) == [
        "a100-pcie-40gb-tp4-prefill",
        "a100-sxm-80gb-tp4-prefill",
        "l40s-tp4-prefill",
    ]


def test_shipped_profile_is_the_fit_of_its_measurements() -> None:
    """Coefficients of each engine, to the six digits written, from the range that it states."""
    folder = Path(__file__).resolve().parents[3] / "scenarios" / "quickstart" / "profiles"
    measured = read_measurements(folder / "measurements" / "llama-2-70b.csv")
    for engine in yaml.safe_load((folder / "llama-2-70b.yaml").read_text())["engines"]:
        tokens = engine["range"].get("batch_tokens")
        within = Within(batch_tokens=Span(*tokens) if tokens else None)
        wanted = Wanted(engine["gpu"], engine["gpus"], within)
        [found] = [
            each.engine
            for each in fit_all([("m.csv", measured)], wanted).fitted
            if each.engine.role == engine["role"]
        ]
        values = found.prefill or found.decode
        assert values is not None
        said = {name: value for name, value in asdict(values).items() if value or name not in RARE}
        assert engine[engine["role"]] == pytest.approx(said, rel=1e-5)
        assert found.source.error_mape is not None
        assert engine["source"]["error_mape"] == round(found.source.error_mape, 4) <= 0.05
        assert engine["source"]["sha256"] == [measured.sha256]


def test_profile_says_what_it_takes_for_free() -> None:
    lines = profile_yaml("m", engines(reading(*PROMPTS, *STEPS))).splitlines()
    assert [line.partition(":")[0] for line in lines[:5]] == [
        "# no start-up time",
        "# no drain time",
        "# no KV memory limit for h100-tp4-decode",
        "# no KV transfer limit (kv_bytes_per_token, --kv-bytes-per-token)",
        "model",
    ]
