"""Counters of inference servers: which there are, which are taken, and what they count.

Counted are requests, their tokens and what a prefix cache held of them, each from one source: the
first of those below that there is. What a frontend counts comes before what engines do, because
engines of split prefill and decode both count each request. Names are those of vLLM's
v1/metrics/loggers.py, of SGLang's production metrics, of Dynamo's prometheus_names.rs; relabelled
ones (`vllm_`, `ray_vllm_`, `kserve_vllm:`) are known too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.errors import InputProblem, UsageError
from heteroplan.forecasting.traces.formats.counters import CounterSeries, Flow, flow
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.forecasting.traces.windows_table import US_PER_S, refuse
from heteroplan.text import listed

if TYPE_CHECKING:
    import numpy as np

    from heteroplan.forecasting.traces.requests import Floats, Integers
    from heteroplan.forecasting.traces.source import TraceSource
    from heteroplan.forecasting.traces.trace_format import AskedOfTrace

    type Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]

REQUESTS = (
    "dynamo_frontend_requests_total",
    "vllm_request_success_total",
    "vllm_e2e_request_latency_seconds_count",
    "vllm_request_prompt_tokens_count",
    "vllm_request_generation_tokens_count",
    "sglang_num_requests_total",
    "sglang_e2e_request_latency_seconds_count",
    "dynamo_frontend_input_sequence_tokens_count",
    "dynamo_frontend_output_sequence_tokens_count",
)
INPUT_TOKENS = {
    "dynamo_frontend_input_sequence_tokens_sum": "dynamo_frontend_input_sequence_tokens_count",
    "vllm_request_prompt_tokens_sum": "vllm_request_prompt_tokens_count",
    "vllm_prompt_tokens_total": None,
    "sglang_prompt_tokens_total": None,
}
"""And what counts the requests of these tokens, where it is not all."""
OUTPUT_TOKENS = {
    "dynamo_frontend_output_sequence_tokens_sum": "dynamo_frontend_output_sequence_tokens_count",
    "dynamo_frontend_output_tokens_total": None,
    "vllm_request_generation_tokens_sum": "vllm_request_generation_tokens_count",
    "vllm_generation_tokens_total": None,
    "sglang_generation_tokens_total": None,
}
CACHED_TOKENS = {
    "dynamo_frontend_cached_tokens_sum": "dynamo_frontend_input_sequence_tokens_sum",
    "vllm_prefix_cache_hits_total": "vllm_prefix_cache_queries_total",
    "vllm_gpu_prefix_cache_hits_total": "vllm_gpu_prefix_cache_queries_total",
    "vllm_prompt_tokens_cached_total": "vllm_prompt_tokens_total",
    "sglang_cached_tokens_total": "sglang_prompt_tokens_total",
}
"""And what counts all input tokens that these are found among."""
KNOWN = frozenset(
    (
        *REQUESTS,
        *INPUT_TOKENS,
        *OUTPUT_TOKENS,
        *CACHED_TOKENS,
        *filter(None, INPUT_TOKENS.values()),
        *filter(None, OUTPUT_TOKENS.values()),
        *CACHED_TOKENS.values(),
    )
)
GAUGES = frozenset(
    f"{server}_{name}"
    for server, names in (
        (
            "vllm",
            "num_requests_running num_requests_waiting num_requests_swapped kv_cache_usage_perc "
            "gpu_cache_usage_perc cpu_cache_usage_perc gpu_prefix_cache_hit_rate",
        ),
        (
            "sglang",
            "num_running_reqs num_queue_reqs num_used_tokens token_usage gen_throughput "
            "cache_hit_rate",
        ),
        ("dynamo_frontend", "inflight_requests queued_requests active_requests"),
    )
    for name in names.split()
)
RATES = {
    "rps": REQUESTS,
    "input_tokens_per_s": tuple(INPUT_TOKENS),
    "output_tokens_per_s": tuple(OUTPUT_TOKENS),
    "cached_tokens_per_s": tuple(CACHED_TOKENS),
}
"""What expressions may be, and the counters that tell the same."""
MOST_WINDOWS = 5_000_000
_WRAPPERS = ("ray_", "kserve_")
_SHOWN = 5
_MAP_HINT = "say what it is: --map rps={file}, input_tokens_per_s=, output_tokens_per_s="


@dataclass(slots=True)
class Found:
    """The series of all files, and what is made of them."""

    asked: "AskedOfTrace"
    counters: dict[str, dict[str, list[CounterSeries]]] = field(default_factory=dict)
    """Series by plain name and name."""
    rates: dict[str, list[CounterSeries]] = field(default_factory=dict)
    """Expressions, by what the user says they are."""
    unread: dict[str, None] = field(default_factory=dict)
    """Names that are not known."""
    files: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def add(
        self, source: "TraceSource", series: Sequence[CounterSeries], problems: list[InputProblem]
    ) -> None:
        """Take the series of one file."""
        file = source.file
        self.files |= {file, Path(file).name}
        kind = next(
            (k for k, f in self.asked.columns.items() if f in (file, Path(file).name)), None
        )
        if kind is not None:
            self._add_rates(source, kind, series, problems)
            return
        names = dict.fromkeys(each.name for each in series)
        for each in series:
            if _plain(each.name) in KNOWN:
                named = self.counters.setdefault(_plain(each.name), {})
                named.setdefault(each.name, []).append(each)
        unread = [name for name in names if _plain(name) not in KNOWN]
        if "" in unread:
            remedy = f"an expression has no name; {_MAP_HINT.format(file=file)}"
            problems.append(source.problem(0, "data.result", "", remedy))
        elif unread and len(unread) == len(names):
            problems.append(source.problem(0, "__name__", unread[0], _not_counted(unread[0])))
        self.unread |= dict.fromkeys(unread)

    def _add_rates(
        self,
        source: "TraceSource",
        kind: str,
        series: Sequence[CounterSeries],
        problems: list[InputProblem],
    ) -> None:
        counters = [each.name for each in series if _plain(each.name) in KNOWN]
        if counters:
            remedy = "is a counter and no rate; it is known by its name, leave it out of --map"
            problems.append(source.problem(0, "__name__", counters[0], remedy))
        if series:
            self.rates.setdefault(kind, []).extend(series)

    def check_columns(self) -> None:
        """Raise UsageError where `--map` names what is not there."""
        for kind, file in self.asked.columns.items():
            if kind not in RATES:
                raise UsageError(
                    f"unknown quantity {kind!r} in --map; known are {', '.join(RATES)}"
                )
            if file not in self.files:
                raise UsageError(f"--map {kind}={file}: no such file is given")

    def _sources(self, names: Sequence[str]) -> Iterator[tuple[str, list[CounterSeries]]]:
        """Name and series of each source that there is, in the order of `names`."""
        for name in names:
            yield from self.counters.get(name, {}).items()

    def _flow(self, kind: str, names: Sequence[str]) -> tuple[str, Flow] | None:
        """The first source of a quantity and its plain name; none if there is none."""
        if kind in self.rates:
            return "", flow(self.rates[kind], is_rate=True)
        for name, series in self._sources(names):
            self.used.add(name)
            return _plain(name), flow(series, is_rate=False)
        return None

    def windows(self, file: str) -> Windows:
        """All quantities in windows of the requests' step. Raises InputError."""
        import numpy as np

        kinds = tuple(RATES.items())
        requests, inputs, outputs, cached = (self._flow(kind, names) for kind, names in kinds)
        if requests is None:
            refuse([InputProblem(file, 0, "", "", _no_requests(inputs or outputs))])
        if (inputs is None) != (outputs is None):
            lacking, names = kinds[1] if inputs is None else kinds[2]
            remedy = f"has one length only: add {listed(names, _SHOWN)}, or --map {lacking}=FILE"
            refuse([InputProblem(file, 0, "", "", remedy)])
        twice = [each for found in (requests, inputs) if found for each in _counted_twice(found[1])]
        if twice:
            refuse(twice)
        edges_us = _edges_us(requests[1], file)
        known = requests[1].known(edges_us)
        arrived = requests[1].amounts(edges_us)
        tokens = None
        if inputs is not None and outputs is not None:
            tokens = self._tokens(inputs, outputs, edges_us, arrived)
        hits = None
        if cached is not None and tokens is not None:
            hits = self._cached(cached, edges_us, tokens[1])
        self._note(requests[0])
        nothing = np.full(len(arrived), np.nan)
        with_lengths, input_tokens, output_tokens = tokens or (nothing,) * 3
        if not known.any():
            refuse([InputProblem(file, 0, "", "", "holds no step between two samples")])
        return Windows(
            edges_us[:-1][known],
            edges_us[1:][known],
            arrived[known],
            with_lengths[known],
            input_tokens[known],
            output_tokens[known],
            None if hits is None else hits[known],
        )

    def _tokens(
        self,
        inputs: tuple[str, Flow],
        outputs: tuple[str, Flow],
        edges_us: "Integers",
        requests: "Floats",
    ) -> tuple["Floats", "Floats", "Floats"]:
        """Requests with lengths, their input tokens and their output tokens."""
        import numpy as np

        input_requests, known = self._requests_of(INPUT_TOKENS.get(inputs[0]), edges_us, requests)
        output_requests, also = self._requests_of(OUTPUT_TOKENS.get(outputs[0]), edges_us, requests)
        known &= also & inputs[1].known(edges_us) & outputs[1].known(edges_us)
        input_requests, output_requests, in_tokens, out_tokens = (
            np.where(known, amounts, 0.0)
            for amounts in (
                input_requests,
                output_requests,
                inputs[1].amounts(edges_us),
                outputs[1].amounts(edges_us),
            )
        )
        # Outputs may be counted of more or fewer requests than inputs are.
        if input_requests.sum() > 0.0 and output_requests.sum() > 0.0:
            out_tokens = out_tokens * (input_requests.sum() / output_requests.sum())
        return input_requests, in_tokens, out_tokens

    def _requests_of(
        self, name: str | None, edges_us: "Integers", requests: "Floats"
    ) -> tuple["Floats", "Mask"]:
        """Requests that some tokens are of, and where it is known how many."""
        import numpy as np

        for each, series in self._sources([name] if name else []):
            self.used.add(each)
            found = flow(series, is_rate=False)
            return found.amounts(edges_us), found.known(edges_us)
        return requests, np.full(len(requests), True)

    def _cached(
        self, cached: tuple[str, Flow], edges_us: "Integers", input_tokens: "Floats"
    ) -> "Floats | None":
        """Input tokens that the prefix cache held; windows that do not tell have the mean share."""
        import numpy as np

        hits = cached[1].amounts(edges_us)
        if not cached[0]:
            return np.minimum(hits, input_tokens)
        for each, series in self._sources([CACHED_TOKENS[cached[0]]]):
            self.used.add(each)
            asked = flow(series, is_rate=False)
            known = asked.known(edges_us) & cached[1].known(edges_us)
            looked_up = np.where(known, asked.amounts(edges_us), 0.0)
            hits = np.where(known, hits, 0.0)
            if looked_up.sum() == 0.0:
                return None
            share = np.full(len(hits), hits.sum() / looked_up.sum())
            np.divide(hits, looked_up, out=share, where=looked_up > 0.0)
            return np.asarray(np.minimum(share, 1.0) * input_tokens)
        self.asked.note(f"prefix cache hits need {CACHED_TOKENS[cached[0]]} beside them: not read")
        return None

    def _note(self, requests: str) -> None:
        """What was taken, and what was not."""
        note = self.asked.note
        taken = [raw for names in self.counters.values() for raw in names if raw in self.used]
        other = [raw for names in self.counters.values() for raw in names if raw not in self.used]
        if other:
            note(f"counted by {', '.join(taken) or '--map'}; not added to that: {', '.join(other)}")
        buckets = [name for name in self.unread if name.endswith("_bucket")]
        unread = [name for name in self.unread if name not in buckets]
        if buckets:
            note("buckets of histograms are not read")
        if unread:
            note(f"not read: {listed(unread, _SHOWN)}")
        if requests:
            note("requests count when they end, later than they arrive")
        models = {
            text
            for name, series in self._sources(REQUESTS)
            if name in self.used
            for each in series
            for label, text in each.labels
            if label in ("model", "model_name")
        }
        if len(models) > 1:
            note(f"{len(models)} models are added up: {listed(sorted(models), _SHOWN)}")


def _edges_us(requests: Flow, file: str) -> "Integers":
    """Where windows of one step begin and end."""
    import numpy as np

    if requests.step_us == 0:
        remedy = "holds one sample a series; ask with a shorter step"
        refuse([InputProblem(file, 0, "data.result", "", remedy)])
    count = (requests.end_us - requests.start_us) // requests.step_us
    if count > MOST_WINDOWS:
        remedy = (
            f"holds {count:,} steps of {requests.step_us / US_PER_S:g} s, at most "
            f"{MOST_WINDOWS:,} are allowed; ask with a longer step, or check the stamps"
        )
        refuse([InputProblem(file, 0, "data.result", "", remedy)])
    return requests.start_us + np.arange(count + 1, dtype=np.int64) * requests.step_us


def _counted_twice(counted: Flow) -> Iterator[InputProblem]:
    """A problem where both prefill and decode engines count requests."""
    texts = [" ".join(text for _, text in each.labels).lower() for each in counted.series]
    roles = {("prefill" in text, "decode" in text) for text in texts}
    if not counted.is_rate and {(True, False), (False, True)} <= roles:
        remedy = (
            "prefill and decode engines both count each request; ask for one of them, the decode "
            "engines say, or for what the frontend counts"
        )
        yield InputProblem(counted.series[0].file, 0, "__name__", counted.series[0].name, remedy)


def _not_counted(name: str) -> str:
    """Why a metric is not read."""
    if _plain(name) in GAUGES:
        return (
            "is a gauge, the state of a moment, from which no demand follows; ask for counters: "
            "vllm:request_success_total, vllm:prompt_tokens_total, vllm:generation_tokens_total"
        )
    if name.endswith("_bucket"):
        return "is a histogram's buckets; ask for its _count and _sum"
    return (
        f"is not known; known are {', '.join(sorted(KNOWN))} (also with : after the server's name)"
    )


def _no_requests(tokens: object) -> str:
    found = "counts tokens and no requests" if tokens else "counts no requests"
    names = "vllm:request_success_total, sglang:num_requests_total, dynamo_frontend_requests_total"
    return f"{found}: add one of {names}, or --map rps=FILE"


def _plain(name: str) -> str:
    """A metric's name as the tables above write it."""
    name = name.replace(":", "_")
    for wrapper in _WRAPPERS:
        name = name.removeprefix(wrapper)
    return name
