"""Two runs of vLLM 0.19 that LLMServingSim published, and what data sheets say of their engines.

Each is one run: 300 ShareGPT requests at ten a second into an engine that serves less.
"""

import json
from dataclasses import dataclass
from typing import Any

from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    Role,
    Source,
    SourceKind,
)
from heteroplan.inputs.gpu_types import built_in
from heteroplan.simulation.engine_logs.request_log import RequestLog, read_request_log
from heteroplan.units import MS_PER_S
from tests.realdata import DATA

REPLAY = DATA / "replay"
BF16_BYTES = 2


@dataclass(frozen=True, slots=True)
class RealRun:
    """A run, and the shape of its model."""

    name: str
    """With which the names of its files begin, behind `llmservingsim_`."""
    gpu: str
    parameters: float
    layers: int
    heads: int
    """Times the size of a head [numbers]."""
    kv_heads: int
    """Times the size of a head [numbers]."""

    def log(self) -> RequestLog:
        return read_request_log(REPLAY / f"llmservingsim_{self.name}_requests.jsonl.gz")

    def stated(self) -> Engine:
        """The engine as it was started, with the least times that its GPU's data sheet allows.

        A pass reads all weights, and of each sequence the KV cache; a token, of a prompt or of a
        sequence, takes two operations a parameter; attention in a prompt of n tokens takes
        2 * layers * heads * n^2. vLLM keeps one block of the KV cache for itself; where the file
        does not tell its size, nothing was preempted.
        """
        meta: dict[str, Any] = json.loads(
            (REPLAY / f"llmservingsim_{self.name}_meta.json").read_text()
        )
        started, cache = meta["engine_kwargs"], meta.get("kv_cache")
        gpus, sheet = started["tensor_parallel_size"], built_in()[self.gpu]
        byte_ms = MS_PER_S / (gpus * (sheet.memory_bytes_per_s or 0.0))
        flop_ms = MS_PER_S / (gpus * sheet.peak_per_s["bf16"])
        weights_ms = self.parameters * BF16_BYTES * byte_ms
        token_ms = 2.0 * self.parameters * flop_ms
        cached = 2 * self.layers * self.kv_heads * BF16_BYTES
        return Engine(
            name=self.name,
            role=Role.AGGREGATED,
            gpu=self.gpu,
            gpus=gpus,
            source=Source(SourceKind.MODELLED),
            prefill=PrefillCoefficients(
                weights_ms, token_ms, 2.0 * self.layers * self.heads * flop_ms
            ),
            decode=DecodeCoefficients(weights_ms, token_ms, cached * byte_ms),
            kv_tokens=(cache["num_gpu_blocks"] - 1) * cache["block_size"] if cache else None,
            max_sequences=started["max_num_seqs"],
            max_batch_tokens=started["max_num_batched_tokens"],
        )

    def published(self) -> dict[str, tuple[float, float]]:
        """Errors of LLMServingSim with profiled kernels, over all requests: by latency, of the mean

        and of the 95th percentile.
        """
        text = (REPLAY / f"llmservingsim_{self.name}_summary.txt").read_text()
        said: dict[tuple[str, str], float] = {}
        for line in text.splitlines():
            match line.split():
                case [latency, ("Mean" | "P95") as figure, measured, simulated, _]:
                    said[latency, figure] = float(simulated) / float(measured) - 1.0
        return {
            ours: (said[theirs, "Mean"], said[theirs, "P95"])
            for ours, theirs in (("TTFT", "TTFT"), ("TPOT", "TPOT"), ("end-to-end", "Latency"))
        }


RUNS = (
    RealRun("rtx4090_llama-3.1-8b", "RTX-4090-24GB", 8.03e9, 32, 4096, 1024),
    RealRun("rtxpro6000_qwen3-32b", "RTX-PRO-6000-SERVER-96GB", 32.76e9, 64, 8192, 1024),
)
