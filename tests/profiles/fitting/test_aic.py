"""Measurements that AIConfigurator models.

The tool is an extra, so a stand-in shows what is asked of it and what becomes of its answers; the
tests of the tool itself skip where it is not installed.
"""

import csv
import json
import logging
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from heteroplan.entities.workload import Role, SourceKind
from heteroplan.errors import UsageError
from heteroplan.profiles.fitting import aic
from heteroplan.profiles.fitting.aic import modelled
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from heteroplan.profiles.readers.formats.aiconfigurator import SYSTEMS
from tests.realdata import DATA, needs_data

MODEL, GPU = "Qwen/Qwen3-32B", "H100-SXM-80GB"
needs_tool = pytest.mark.skipif(
    find_spec("aiconfigurator_core") is None, reason="the extra aic is not installed"
)


class UnreachableError(Exception):
    """What the stand-in raises where the tool found no network."""


class Tool:
    """Stands in for aiconfigurator_core, with kernels of H100 and H200 SXM.

    A token of the KV cache takes 2 bytes and one of a step 1 byte of 60,000. A prompt takes 1 ms a
    token, a decode step 1 ms a sequence and 1 ms a 1000 tokens of context, times `slowdown`.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refuse: Callable[[dict[str, Any]], Exception | None] = lambda options: None
        self.context, self.capacity, self.slowdown, self.moe = 40_960, 60_000, 1.0, False

    def compile(self, **options: Any) -> Any:
        self.calls.append(options)
        if refusal := self.refuse(options):
            raise refusal
        plain = options.get("gemm_quant_mode") == "bfloat16"
        scale = 1.0 if plain else self.slowdown
        return SimpleNamespace(
            predict_prefill_latency=lambda batch, tokens: float(batch * tokens),
            predict_decode_latency=lambda batch, context, _: (batch + context / 1000) * scale,
        )

    def estimate_kv_cache(self, **options: Any) -> dict[str, int]:
        self.calls.append(options)
        if (left := self.capacity - options["max_num_tokens"]) <= 0:
            raise ValueError("no KV budget: non-KV memory meets/exceeds the limit")
        return {"total_kv_size_bytes": left}

    def get_model_config(self, model: str) -> dict[str, int]:
        self.calls.append({"model_path": model})
        return {"context": self.context}

    def modules(self) -> dict[str, dict[str, Any]]:
        """What heteroplan takes from each module."""
        slots = {system: {"current": "0.24.0"} for system in ("h100_sxm", "h200_sxm")}
        mode = SimpleNamespace(name="bfloat16")
        config = SimpleNamespace(gemm_quant_mode=mode, kvcache_quant_mode=mode)
        sizes = SimpleNamespace(get_kvcache_bytes_per_sequence=lambda tokens: 2 * tokens)
        share = {
            "free_gpu_memory_fraction": 0.92,
            "kv_cache_reserved_fraction": 0.0,
            "kv_cache_tolerance": 0.02,
            "fraction_of_free": False,
        }
        backend = SimpleNamespace(_static_oom_check_kwargs=lambda *_: share)
        return {
            "": {},
            ".sdk": {"EngineHandle": self, "estimate_kv_cache": self.estimate_kv_cache},
            ".sdk.backends": {},
            ".sdk.backends.factory": {"get_backend": lambda _: backend},
            ".sdk.common": {"DefaultHFModels": {MODEL}},
            ".sdk.config_builders": {"build_model_config": lambda **_: config},
            ".sdk.models": {
                "check_is_moe": lambda _: self.moe,
                "get_model": lambda *_: sizes,
            },
            ".sdk.perf_database": {
                "get_version_slots": lambda system, _: slots.get(system),
                "load_system_spec": lambda _: {"gpu": {"mem_capacity": 80 << 30}},
            },
            ".sdk.utils": {
                "HuggingFaceDownloadError": UnreachableError,
                "get_model_config_from_model_path": self.get_model_config,
            },
        }


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The stand-in, installed."""
    stand_in = Tool()
    for name, contents in stand_in.modules().items():
        module = ModuleType(f"aiconfigurator_core{name}")
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(aic, "version", lambda _: aic.VERSION)
    return stand_in


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(aic, "version", missing)
    with pytest.raises(UsageError, match=r"needs the extra: pip install 'heteroplan\[aic\]'"):
        modelled(MODEL, GPU, 4)


def test_another_version_of_the_tool_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tool: Tool
) -> None:
    monkeypatch.setattr(aic, "version", lambda _: "0.13.0")
    with pytest.raises(UsageError, match=r"needs the extra.*found aiconfigurator-core 0\.13\.0"):
        modelled(MODEL, GPU, 4)
    assert tool.calls == []


@pytest.mark.parametrize(
    ("gpu", "gpus", "backend", "said"),
    [
        ("H100", 4, "vllm", "unknown GPU type 'H100'; known are A100-PCIE-80GB, .*, L40S-48GB"),
        (GPU, 4, "llama.cpp", "unknown backend 'llama.cpp'; known are sglang, trtllm, vllm"),
        (GPU, 0, "vllm", "0 GPUs: an engine runs on 1 or more"),
    ],
)
def test_wrong_arguments_need_no_tool(gpu: str, gpus: int, backend: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        modelled(MODEL, gpu, gpus, backend)


def test_a_gpu_without_kernels_is_told_those_with(tool: Tool) -> None:
    said = "no vllm kernels were measured on L4-24GB; they were on H100-SXM-80GB, H200-SXM-141GB$"
    with pytest.raises(UsageError, match=said):
        modelled(MODEL, "L4-24GB", 4)


def test_an_unknown_model_is_refused_before_the_tool_is_asked(tool: Tool) -> None:
    with pytest.raises(UsageError, match="'Qwen/Qwen3-33B'; give Qwen/Qwen3-32B or a directory"):
        modelled("Qwen/Qwen3-33B", GPU, 4)
    assert tool.calls == []


def test_a_directory_without_a_model_is_refused(tool: Tool, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"give a directory with its config\.json"):
        modelled(str(tmp_path), GPU, 4)
    assert tool.calls == []


@pytest.mark.parametrize(
    "refusal",
    [
        ValueError("no\n  such shape"),
        RuntimeError("no such shape"),
        AssertionError("no such shape"),
        KeyError("no such shape"),
        UnreachableError("no such shape"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_refusal_of_the_tool_is_one_problem(tool: Tool, refusal: Exception) -> None:
    tool.refuse = lambda options: refusal
    said = "cannot model Qwen/Qwen3-32B on 4 x H100-SXM-80GB with vllm: '?no such shape'?; try "
    with pytest.raises(UsageError, match=said) as raised:
        modelled(MODEL, GPU, 4)
    assert raised.value.__cause__ is refusal


def test_a_refusal_without_words_has_a_name(tool: Tool) -> None:
    tool.refuse = lambda options: AssertionError()
    with pytest.raises(UsageError, match="with vllm: AssertionError; try "):
        modelled(MODEL, GPU, 4)


def test_a_malformed_model_is_one_problem_but_a_bug_is_none(tool: Tool, tmp_path: Path) -> None:
    tool.refuse = lambda options: TypeError("'NoneType' and 'int'")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"'NoneType' and 'int'; try .* config\.json"):
        modelled(str(tmp_path), GPU, 4)
    with pytest.raises(TypeError):
        modelled(MODEL, GPU, 4)


def test_only_what_fits_in_memory_is_kept(tool: Tool) -> None:
    """A prompt of n tokens needs 2n of 60,000 - n bytes: up to 20,000, so 8 of 9 lengths.

    A step of b sequences needs 2b(context + 1) of 60,000 - b bytes: 8, 7, 6, 5, 4, 3, 2, 1, 0
    contexts for b = 1, 2, 4, up to 256, so 36 of 72. The largest step leaves 60,000 - 8192 bytes.
    """
    reading = modelled(MODEL, GPU, 4)
    prefill = [point for point in reading.points if point.phase is Role.PREFILL]
    decode = [point for point in reading.points if point.phase is Role.DECODE]
    assert [(point.batch, point.tokens, point.context, point.latency_ms) for point in prefill] == [
        (1, 128 << n, 0, 128 << n) for n in range(8)
    ]
    assert [
        (point.batch, point.tokens, point.context, point.latency_ms) for point in decode[-3:]
    ] == [(64, 1, 128, 64.128), (64, 1, 256, 64.256), (128, 1, 128, 128.128)]
    assert len(decode) == 36
    assert {(point.gpu, point.gpus, point.source) for point in reading.points} == {
        (GPU, 4, SourceKind.MODELLED)
    }
    assert reading.kv_tokens == {(GPU, 4): (60_000 - 8192) // 2}
    assert reading.model == MODEL
    assert reading.notes == (
        "modelled by aiconfigurator-core 0.12.0 for vllm 0.24.0, bfloat16 GEMMs, bfloat16 KV "
        "cache: kernel times only, no scheduling or network overhead",
        "left out 37 points that do not fit in memory",
    )


def test_no_sequence_is_longer_than_the_model_allows(tool: Tool) -> None:
    """A prompt may fill the context; a decode step adds a token to it."""
    tool.context = 2048
    points = modelled(MODEL, GPU, 4).points
    assert max(point.tokens for point in points) == 2048
    assert max(point.context for point in points) == 1024


def test_weights_that_leave_no_memory_are_refused(tool: Tool) -> None:
    tool.capacity = 0
    with pytest.raises(UsageError, match="the weights leave no room for a KV cache; take more"):
        modelled(MODEL, GPU, 1)


def test_the_tool_is_asked_for_a_literal_version_and_92_percent_of_memory(tool: Tool) -> None:
    """The tool itself takes 2 % off what the backend may fill: 0.92 * 0.98 = 0.9016."""
    modelled(MODEL, GPU, 4)
    named = [options for options in tool.calls if "backend" in options]
    assert {options["backend_version"] for options in named} == {"0.24.0"}
    (memory,) = {
        (options["memory_fraction_kind"], round(options["memory_fraction_value"], 6))
        for options in named
        if "max_num_tokens" in options
    }
    assert memory == ("of_total", 0.9016)


def test_experts_are_spread_where_they_cannot_be_split(tool: Tool) -> None:
    tool.moe = True
    tool.refuse = lambda options: ValueError("blocks") if options["moe_tp_size"] > 1 else None
    reading = modelled(MODEL, GPU, 4)
    assert "experts spread over GPUs" in reading.notes[0]
    asked = {(call["tp_size"], call["moe_ep_size"]) for call in tool.calls if "tp_size" in call}
    assert asked == {(4, 1), (4, 4)}


def test_where_experts_can_be_neither_the_first_reason_stands(tool: Tool) -> None:
    tool.moe = True
    tool.refuse = lambda options: ValueError("blocks" if options["moe_tp_size"] > 1 else "spread")
    with pytest.raises(UsageError, match="with vllm: blocks; try"):
        modelled(MODEL, GPU, 4)


def test_a_quantised_model_slower_than_unquantised_is_doubted(tool: Tool) -> None:
    tool.slowdown = 1.2
    assert not any("implausible" in note for note in modelled(MODEL, GPU, 4).notes)
    tool.slowdown = 2.1
    said = "implausible: a decode step takes 2.1 times what it would in bfloat16"
    assert modelled(MODEL, GPU, 4).notes[-1].startswith(said)


def test_without_bfloat16_kernels_nothing_is_doubted(tool: Tool) -> None:
    tool.slowdown = 2.1
    tool.refuse = lambda options: RuntimeError() if "gemm_quant_mode" in options else None
    assert not any("implausible" in note for note in modelled(MODEL, GPU, 4).notes)


def test_its_log_is_silent_only_meanwhile(tool: Tool) -> None:
    log = logging.getLogger("aiconfigurator_core")
    before, heard = log.level, []
    tool.refuse = lambda options: heard.append(log.isEnabledFor(logging.CRITICAL))
    modelled(MODEL, GPU, 4)
    assert heard == [False, False]
    assert log.level == before


@cache
def qwen(gpu: str, gpus: int) -> FileMeasurements:
    """Of the tool itself."""
    return modelled(MODEL, gpu, gpus)


def published(gpu: str, gpus: int) -> list[dict[str, str]]:
    """The estimates of an older release of the whole tool."""
    with (DATA / "perf" / "aiconfigurator_modelled_pd_qwen3-32b.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if SYSTEMS[row["system"]] == gpu and int(row["tp"]) == gpus]


def shape(row: dict[str, str]) -> tuple[str, int, int]:
    return row["phase"], int(row["batch_size"]), int(row["context_len"])


def latencies(reading: FileMeasurements) -> dict[tuple[str, int, int], float]:
    """By phase, batch and length [ms]."""
    return {
        (point.phase.value, int(point.batch), int(point.context or point.tokens)): point.latency_ms
        for point in reading.points
    }


@needs_tool
@needs_data
def test_the_tool_agrees_with_what_was_published() -> None:
    """Prefill to 1e-3; published decode is a mean over an output, so 1 %."""
    ours = latencies(qwen(GPU, 4))
    rows = [row for row in published(GPU, 4) if row["kv_cache_warning"] == "False"]
    for row in rows:
        prefill = row["phase"] == "prefill"
        told = float(row["ttft_ms" if prefill else "tpot_ms"])
        assert ours[shape(row)] == pytest.approx(told, rel=1e-3 if prefill else 1e-2)
    assert len(rows) == 15


@needs_tool
@needs_data
@pytest.mark.parametrize(("gpu", "gpus"), [(GPU, 2), (GPU, 4), ("L40S-48GB", 2)])
def test_what_was_published_as_not_fitting_is_left_out(gpu: str, gpus: int) -> None:
    kept = latencies(qwen(gpu, gpus))
    too_large = [shape(row) for row in published(gpu, gpus) if row["kv_cache_warning"] == "True"]
    assert too_large
    assert kept.keys().isdisjoint(too_large)


@needs_tool
def test_the_tool_leaves_out_what_does_not_fit() -> None:
    """A token takes 64 layers * 2 * 8 heads * 128 * 2 bytes over 4 GPUs, 64 KiB on each.

    32.76e9 parameters of 2 bytes over 4 GPUs leave 92 % of 80 GiB less 16.38e9 bytes, of which
    activations and the runtime take more than a twentieth and less than a seventh.
    """
    reading = qwen(GPU, 4)
    token_bytes = 64 * 2 * 8 * 128 * 2 / 4
    room = 0.92 * 80 * 2**30 - 32.76e9 * 2 / 4
    held = [point.batch * (point.context + point.tokens) for point in reading.points]
    assert max(held) * token_bytes <= room
    assert 6 / 7 * room <= reading.kv_tokens[GPU, 4] * token_bytes <= 0.95 * room
    assert len(reading.points) == 75
    assert reading.notes[-1] == "left out 6 points that do not fit in memory"


@needs_tool
def test_the_tool_refuses_weights_that_do_not_fit() -> None:
    """65.5 GB on 48 GB."""
    with pytest.raises(UsageError, match="on 1 x L40S-48GB with vllm: the weights leave no room"):
        modelled(MODEL, "L40S-48GB", 1)


@needs_tool
@pytest.mark.parametrize("gpu", ["A100-PCIE-80GB", "A30-24GB", "H100-PCIE-80GB", "L4-24GB"])
def test_the_tool_has_no_kernels_of_some_gpus(gpu: str) -> None:
    said = f"no vllm kernels were measured on {gpu}; they were on A100-SXM-80GB, .*, L40S-48GB"
    with pytest.raises(UsageError, match=said):
        modelled(MODEL, gpu, 4)


@needs_tool
def test_the_tool_refuses_gpus_that_do_not_divide_the_heads() -> None:
    with pytest.raises(UsageError, match="num_heads 64 should be divisible by tp_size 3; try"):
        modelled(MODEL, GPU, 3)


@needs_tool
def test_the_tool_is_offline_and_silent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A directory is a model as good as one that is shipped: here the layers of Qwen2.5-72B."""

    def asked(*_: Any, **__: Any) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr("urllib.request.urlopen", asked)
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "hidden_size": 8192,
        "intermediate_size": 29568,
        "max_position_embeddings": 32768,
        "num_attention_heads": 64,
        "num_hidden_layers": 80,
        "num_key_value_heads": 8,
        "torch_dtype": "bfloat16",
        "vocab_size": 152064,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert len(modelled(str(tmp_path), GPU, 4).points) == 71
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UsageError, match="Qwen/Qwen3-32B or"):
        modelled("Qwen/Qwen3-33B", GPU, 4)
    assert capfd.readouterr() == ("", "")


@needs_tool
@pytest.mark.parametrize("config", ["[]", "{", "{}", '{"architectures": ["Qwen2ForCausalLM"]}'])
def test_the_tool_cannot_use_a_malformed_model(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(UsageError, match="AIConfigurator cannot model"):
        modelled(str(tmp_path), GPU, 4)


@needs_tool
@pytest.mark.parametrize(("backend", "doubted"), [("vllm", True), ("sglang", False)])
def test_block_fp8_of_the_tool_is_doubted_on_vllm(backend: str, doubted: bool) -> None:
    notes = modelled("Qwen/Qwen3-32B-FP8", GPU, 4, backend).notes
    assert any("implausible" in note for note in notes) is doubted
    assert "fp8_block GEMMs, fp8 KV cache" in notes[0]


@needs_tool
def test_the_tool_spreads_experts_whose_blocks_cannot_be_split() -> None:
    """768 / 8 is no multiple of blocks of 128."""
    reading = modelled("Qwen/Qwen3-30B-A3B-FP8", GPU, 8)
    assert "experts spread over GPUs" in reading.notes[0]
    assert reading.points
