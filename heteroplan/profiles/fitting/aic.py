"""Measurements that NVIDIA AIConfigurator models, for models and GPU types that nobody measured.

Its estimator, aiconfigurator-core, is the extra `heteroplan[aic]`: it adds up kernel times that
NVIDIA measured and ships with it. It would read a model that it does not ship from the network,
and answer also for what does not fit in memory; the first is refused here, the second left out.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from textwrap import shorten
from typing import Any

from heteroplan.entities.workload import Role, SourceKind
from heteroplan.errors import UsageError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from heteroplan.profiles.readers.formats.aiconfigurator import SYSTEMS

VERSION = "0.12.0"
"""Of aiconfigurator-core; not all that is used of it is published, so no other will do."""
BACKENDS = ("sglang", "trtllm", "vllm")
PREFILL_TOKENS = tuple(128 << doublings for doublings in range(9))
DECODE_BATCHES = tuple(1 << doublings for doublings in range(9))
DECODE_CONTEXTS = tuple(128 << doublings for doublings in range(8))
"""In each sequence [tokens]."""
LARGEST_STEP = (8192, 256)
"""Tokens and sequences of a step whose activations must fit beside the KV cache."""
USUAL_CONTEXT = 2048
"""In sequences of which the KV cache is counted, and a decode step tried [tokens]."""
IMPLAUSIBLE = 1.25
"""Quantised over bfloat16 decode step. Most shipped models give 0.6 to 1.2, block FP8 on vLLM up
to 8: its GEMM times are longer than those of weights twice as large."""
REFUSALS = (ValueError, RuntimeError, AssertionError, KeyError)
"""How the tool says no."""
MALFORMED = (ArithmeticError, AttributeError, IndexError, OSError, TypeError)
"""What else it ends in where a config.json is not as it expects."""


def modelled(model: str, gpu: str, gpus: int, backend: str = "vllm") -> FileMeasurements:
    """Prefill and decode of one engine of `gpus` GPUs in tensor parallel, and its KV cache.

    `model` is a name that the tool ships or a directory with a Hugging Face config.json, `gpu` a
    GPU type name. UsageError where the extra is missing or the tool has no estimate.
    """
    systems = {name: system for system, name in SYSTEMS.items()}
    for what, name, known in (("GPU type", gpu, systems), ("backend", backend, BACKENDS)):
        if name not in known:
            raise UsageError(f"unknown {what} {name!r}; known are {', '.join(sorted(known))}")
    if gpus < 1:
        raise UsageError(f"{gpus} GPUs: an engine runs on 1 or more")
    asked = f"{model} on {gpus} x {gpu} with {backend}"
    with _tool(model, asked):
        release = _release(gpu, systems, backend)
        settings = list(_settings(model))
        engine = _Engine(model, systems[gpu], gpus, backend, release)
        points = tuple(
            Measurement(gpu, gpus, *setting, engine.latency_ms(*setting), SourceKind.MODELLED)
            for setting in settings
            if engine.fits(*setting)
        )
        kv_tokens = engine.kv_tokens()
        if not (kv_tokens and points):
            raise UsageError(f"{asked}: the weights leave no room for a KV cache; take more GPUs")
    origin = f"aiconfigurator-core {VERSION} for {backend} {release}, {engine.settled}"
    notes = [f"modelled by {origin}: kernel times only, no scheduling or network overhead"]
    if dropped := len(settings) - len(points):
        notes.append(f"left out {dropped} points that do not fit in memory")
    if engine.slowdown > IMPLAUSIBLE:
        times = f"{engine.slowdown:.1f} times what it would in bfloat16"
        notes.append(f"implausible: a decode step takes {times}; take another backend or measure")
    return FileMeasurements(points, tuple(notes), {(gpu, gpus): kv_tokens}, model, origin=origin)


@contextmanager
def _tool(model: str, asked: str) -> Iterator[None]:
    """The tool, silent; a model that is not at hand and its refusals are one UsageError."""
    try:
        if (found := version("aiconfigurator-core")) != VERSION:
            raise ImportError(f"found aiconfigurator-core {found}")
        from aiconfigurator_core.sdk.common import DefaultHFModels
        from aiconfigurator_core.sdk.utils import HuggingFaceDownloadError
    except ImportError as error:
        extra = "pip install 'heteroplan[aic]', with Python 3.13 or older on Linux or macOS"
        raise UsageError(f"modelling {asked} needs the extra: {extra} ({error})") from error
    shipped = model in DefaultHFModels
    expected = (*REFUSALS, HuggingFaceDownloadError, *(() if shipped else MALFORMED))
    log = logging.getLogger("aiconfigurator_core")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        if not (shipped or Path(model, "config.json").is_file()):
            names = (*get_close_matches(model, DefaultHFModels), "a directory with its config.json")
            raise UsageError(f"AIConfigurator does not ship {model!r}; give {' or '.join(names)}")
        yield
    except expected as error:
        reason = shorten(str(error), 300, placeholder=" ...") or type(error).__name__
        remedy = "try another number of GPUs, backend, GPU type or config.json, or measure it"
        raise UsageError(f"AIConfigurator cannot model {asked}: {reason}; {remedy}") from error
    finally:
        log.setLevel(level)


def _release(gpu: str, systems: Mapping[str, str], backend: str) -> str:
    """Version of the backend whose kernels were measured on the GPU type."""
    from aiconfigurator_core.sdk.perf_database import get_version_slots

    if slots := get_version_slots(systems[gpu], backend):
        return str(slots["current"])
    known = ", ".join(sorted(name for name in systems if get_version_slots(systems[name], backend)))
    raise UsageError(f"no {backend} kernels were measured on {gpu}; they were on {known}")


def _settings(model: str) -> Iterator[tuple[Role, int, int, int]]:
    """Phase, batch, tokens and context of every point within the model's context limit."""
    from aiconfigurator_core.sdk.utils import get_model_config_from_model_path

    longest = int(get_model_config_from_model_path(model)["context"])
    yield from ((Role.PREFILL, 1, tokens, 0) for tokens in PREFILL_TOKENS if tokens <= longest)
    contexts = [context for context in DECODE_CONTEXTS if context < longest]
    yield from ((Role.DECODE, batch, 1, each) for batch in DECODE_BATCHES for each in contexts)


class _Engine:
    """A model on GPUs, as the tool holds it."""

    def __init__(self, model: str, system: str, gpus: int, backend: str, release: str) -> None:
        from aiconfigurator_core.sdk.backends.factory import get_backend
        from aiconfigurator_core.sdk.config_builders import build_model_config
        from aiconfigurator_core.sdk.models import check_is_moe, get_model
        from aiconfigurator_core.sdk.perf_database import load_system_spec

        named = {"model_path": model, "system": system, "backend": backend}
        refusals: list[Exception] = []
        for part in ("moe_tp_size", "moe_ep_size") if check_is_moe(model) else ("tp_size",):
            split: dict[str, Any] = {"tp_size": gpus, "moe_tp_size": 1, "moe_ep_size": 1}
            split[part] = gpus
            self.options = {**named, "backend_version": release, **split}
            try:
                self.timer, step_ms = self.tried()
                break
            except REFUSALS as refused:
                refusals.append(refused)
        else:
            raise refusals[0]
        self.slowdown = 1.0
        with suppress(*REFUSALS):  # kernels of bfloat16 may be missing
            self.slowdown = step_ms / self.tried(gemm_quant_mode="bfloat16")[1]
        config: Any = build_model_config(pp_size=1, attention_dp_size=1, **split)
        self.sizes = get_model(model, config, backend)  # which sets what `config` leaves open
        gemm, kv = config.gemm_quant_mode.name, config.kvcache_quant_mode.name
        spread = ", experts spread over GPUs" if part == "moe_ep_size" else ""
        self.settled = f"{gemm} GEMMs, {kv} KV cache{spread}"
        gpu_bytes = load_system_spec(system)["gpu"]["mem_capacity"]
        share = get_backend(backend)._static_oom_check_kwargs(gpu_bytes, None, release, config)
        kept = (1 - share["kv_cache_tolerance"]) * (1 - share["kv_cache_reserved_fraction"])
        self.memory: dict[str, Any] = {
            "memory_fraction_kind": "of_free" if share["fraction_of_free"] else "of_total",
            "memory_fraction_value": share["free_gpu_memory_fraction"] * kept,
        }

    def tried(self, **precision: str) -> tuple[Any, float]:
        """What knows latencies, and a decode step [ms], as what is unknown is refused only then."""
        from aiconfigurator_core.sdk import EngineHandle

        timer = EngineHandle.compile(**self.options, **precision)
        return timer, float(timer.predict_decode_latency(8, USUAL_CONTEXT, 2))

    def latency_ms(self, phase: Role, batch: int, tokens: int, context: int) -> float:
        if phase is Role.PREFILL:
            return float(self.timer.predict_prefill_latency(batch, tokens))
        return float(self.timer.predict_decode_latency(batch, context, 2))

    def fits(self, _phase: Role, batch: int, tokens: int, context: int) -> bool:
        """Whether each GPU holds its share of the KV cache at the end of the step."""
        sequence = self.sizes.get_kvcache_bytes_per_sequence(context + tokens)
        return bool(batch * sequence <= self.cache_bytes(batch * tokens, batch))

    def kv_tokens(self) -> int:
        """KV cache beside the largest step, in sequences of the usual context [tokens]."""
        sequence = self.sizes.get_kvcache_bytes_per_sequence(USUAL_CONTEXT)
        return int(self.cache_bytes(*LARGEST_STEP) / sequence * USUAL_CONTEXT)

    def cache_bytes(self, tokens: int, sequences: int) -> int:
        """KV cache of a GPU beside the activations of a step; 0 where weights leave no room."""
        from aiconfigurator_core.sdk import estimate_kv_cache

        step = {**self.memory, "max_num_tokens": tokens, "max_batch_size": sequences}
        try:
            found = estimate_kv_cache(**self.options, **step)
        except ValueError as error:
            if "no KV budget" in str(error):
                return 0
            raise
        return int(found["total_kv_size_bytes"])
