"""Traces and measurements that are in order, in every format that is read."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import yaml

from tests.profiles.readers.changes import changed
from tests.profiles.readers.formats import (
    test_aibrix,
    test_aiperf,
    test_distserve,
    test_infera,
    test_inference_perf,
    test_llmd,
    test_silicon,
    test_vllm,
)

OWN = b"gpu,gpus,phase,batch,tokens,context,latency_ms,source\n" + b"".join(
    [
        *(f"H100-SXM-80GB,4,prefill,{b},{t},,{10 + 0.05 * b * t + b:g},measured\n".encode()
          for b in (1, 2, 4) for t in (256, 1024, 2048)),
        *(f"H100-SXM-80GB,4,decode,{b},,{c},{15 + 0.1 * b + 2e-5 * b * c:g},\n".encode()
          for b in (1, 8, 32, 64) for c in (512, 2048)),
    ]
)  # fmt: skip


def own_trace(days: int) -> str:
    rows = (
        f"2026-11-{2 + day:02}T{hour:02}:00,{4 + hour % 12},1000,200\n"
        for day in range(days)
        for hour in range(24)
    )
    return "interval_start,rps,isl,osl\n" + "".join(rows)


def _lines(each: Any, count: int = 40) -> bytes:
    return "".join(json.dumps(each(i)) + "\n" for i in range(count)).encode()


def _dynamo(i: int) -> dict[str, Any]:
    replay = {"trace_block_size": 64, "input_length": 100, "input_sequence_hashes": [i, 7]}
    request = {"request_id": f"r{i}", "output_tokens": 16, "replay": replay,
               "request_received_ms": 1_777_312_800_000 + 60_000 * i}  # fmt: skip
    return {"event_type": "request_end", "event_time_unix_ms": 1_777_312_801_000 + 60_000 * i,
            "request": request}  # fmt: skip


def _prometheus() -> bytes:
    def series(name: str, step: int) -> dict[str, Any]:
        labels = {"__name__": name, "pod": "a", "model_name": "m"}
        samples = [[1_800_000_000 + 60 * i, str(step * i)] for i in range(60)]
        return {"metric": labels, "values": samples}

    names = {"request_success": 60, "prompt_tokens": 60_000, "generation_tokens": 6_000}
    found = [series(f"vllm:{name}_total", step) for name, step in names.items()]
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": found}}
    ).encode()


def traces(made: Mapping[str, Mapping[str, bytes]]) -> Iterator[tuple[str, str, bytes, list[str]]]:
    """Name, form, content and options of each."""
    azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
        f"2026-11-{23 + i // 24:02} {i % 24:02}:{i % 60:02}:00.{i:07},{100 + i},{10 + i % 7}\n"
        for i in range(60)
    )
    vidur = "arrived_at,num_prefill_tokens,num_decode_tokens\n" + "".join(
        f"{60.5 * i},{100 + i},{10 + i}\n" for i in range(60)
    )
    header = "day,window_start_s,req_per_s,active_clients,req_per_s_with_lengths,"
    header += "mean_input_tokens,mean_output_tokens,input_tok_per_s_scaled\n"
    servegen = header + "".join(f"0,{600 * i},{2 + i % 5},4,1,900,90,5\n" for i in range(40))
    day = ["--start", "2026-11-23"]
    yield "azure.csv", "csv", azure.encode(), []
    yield "azure.csv.gz", "gz", gzip.compress(azure.encode(), mtime=0), []
    yield "vidur.csv", "csv", vidur.encode(), day
    yield "servegen.csv", "csv", servegen.encode(), day
    yield "own.csv", "csv", own_trace(days=3).encode(), []
    ids = {"hash_ids": [1, 2]}
    lengths = {"input_length": 700, "output_length": 5}
    yield "mooncake.jsonl", "jsonl", _lines(
        lambda i: {"timestamp": 60_000 * i, **lengths, **ids}
    ), [*day, "--prefix-cache", "5000"]  # fmt: skip
    yield "bailian.jsonl", "jsonl", _lines(lambda i: {
        "chat_id": i, "parent_chat_id": -1, "timestamp": 60.5 * i, **lengths, "type": "text",
        "turn": 1, **ids}), day  # fmt: skip
    yield "ragpulse.jsonl", "jsonl", _lines(lambda i: {
        "timestamp": str(60 * i), **lengths, "hash_ids": {"history": [1]}}), day  # fmt: skip
    yield "dynamo.jsonl", "jsonl", _lines(_dynamo), []
    yield "prometheus.json", "json", _prometheus(), []
    columns = ["--map", "timestamp=ts,isl=in,osl=out"]
    table = "ts,in,out,user\n" + "".join(
        f"2026-11-23T{i % 24:02}:00:00Z,{50 + i},{5 + i},u\n" for i in range(40)
    )
    yield "table.csv", "csv", table.encode(), columns
    for name, content in made["parquet"].items():
        yield name, "parquet", content, [] if name.startswith("azure") else day


def _npz(arrays: Mapping[str, Any]) -> bytes:
    """As numpy writes it, but for the time of writing."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as members:
        for name, each in arrays.items():
            content = io.BytesIO()
            np.save(content, np.array(each))
            members.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    return sink.getvalue()


def measurements() -> Iterator[tuple[str, str, bytes, list[str]]]:
    """Name, form, content and options of each."""
    gpu, both = ["--gpu", "H100-SXM-80GB"], ["--gpu", "H100-SXM-80GB", "--tp", "4"]
    slo = ["--isl", "1000", "--osl", "100", "--ttft-ms", "2000", "--itl-ms", "60"]
    yield "own.csv", "csv", OWN, [*slo, "--kv-tokens", "400000", "--kv-bytes-per-token", "100000"]
    splitwise = (
        "model,hardware,prompt_size,batch_size,token_size,peak_power,average_power,"
        "prompt_time,token_time,e2e_time,tensor_parallel\n"
    ) + "".join(
        f"llama2-70b,a100-80gb,{p},{b},128,0,0,{20 + p * b / 10},{30 + b},0,2\n"
        for p in (256, 512, 1024)
        for b in (1, 2, 4)
    )
    yield "splitwise.csv", "csv", splitwise.encode(), []
    prefill = {"prefill_isl": [100, 1000, 2000, 4000, 8000],
               "prefill_ttft": [20.0, 35.0, 50.0, 120.0, 300.0],
               "prefill_thpt_per_gpu": [2500.0, 14285.7, 20000.0, 16666.7, 13333.3]}  # fmt: skip
    usage, contexts = (0.01, 0.1, 0.3, 0.5, 0.8), (100.0, 1000.0, 4000.0)
    grid = [(share, context) for share in usage for context in contexts]
    batches = [share * 100_000 / context for share, context in grid]
    steps_ms = [4 + 0.1 * b + 2e-5 * b * c for b, (_, c) in zip(batches, grid, strict=True)]
    decode = {
        "x_kv_usage": [share for share, _ in grid],
        "y_context_length": [context for _, context in grid],
        "z_itl": steps_ms,
        "z_thpt_per_gpu": [b / ms * 1000 / 4 for b, ms in zip(batches, steps_ms, strict=True)],
        "max_kv_tokens": [100_000],
    }
    yield "decode.npz", "npz", _npz(decode), both
    yield "prefill.npz", "npz", _npz(prefill), [*gpu, "--tp", "2"]
    yield "dynamo.json", "json", json.dumps(decode).encode(), both
    yield "infera.json", "json", json.dumps(test_infera.PROFILE).encode(), gpu
    distserve = {"m": {"2": test_distserve.ENGINE, "4": test_distserve.ENGINE}}
    yield "distserve.json", "json", json.dumps(distserve).encode(), [*gpu, *slo]
    helix = "machine,phase,batch_tokens,time_ms_per_layer\n" + "".join(
        f"a100,{phase},{n},{0.5 + n / 500}\n"
        for phase in ("prompt", "decode")
        for n in (1, 8, 50, 100, 250)
    )  # fmt: skip
    yield "helix.csv", "csv", helix.encode(), ["--layers", "80", "--context-tokens", "1000"]
    header = (
        "model,system,backend,backend_version,tp,phase,context_len,batch_size,ttft_ms,tpot_ms,"
        "tok_per_s_per_gpu,memory_gib_per_gpu,kv_cache_warning\n"
    )
    rows = [
        f"m,h200_sxm,vllm,1,4,{phase},{c},{b},{t if phase == 'prefill' else ''},"
        f"{t if phase == 'decode' else ''},1,30,False\n"
        for phase in ("prefill", "decode")
        for c, b, t in ((512, 1, 20), (2048, 1, 60), (2048, 8, 200), (512, 8, 90))
    ]
    yield "aiconfigurator.csv", "csv", (header + "".join(rows)).encode(), []
    names = ["batch_size", *test_silicon.ROW]
    silicon = ",".join(names) + "\n" + "".join(
        ",".join(["", *({**test_silicon.ROW, "id": f"c{c}", "silicon_ttft_ms": str(50 + c),
                         "silicon_tpot_ms": str(5 + c),
                         "silicon_data_source": test_silicon.SOURCE.format(c)}).values()]) + "\n"
        for c in (1, 4, 16, 64)
    )  # fmt: skip
    yield "silicon.csv", "csv", silicon.encode(), []
    runs = [{"mean_ttft_ms": 100.0 * i, "mean_tpot_ms": 10.0 + i} for i in range(1, 6)]
    vllm = [test_vllm.RESULT | {"failed": 0} | run for run in runs]
    yield "vllm.json", "jsonl", _lines(lambda i: vllm[i], 5), both
    yield "sglang.jsonl", "jsonl", _lines(lambda i: test_vllm.SGLANG | runs[i], 5), both
    yield "aibrix.json", "json", json.dumps(test_aibrix.PROFILE).encode(), [
        *both, "--isl", "128", "--osl", "4"]  # fmt: skip


def runs_of_files() -> Iterator[tuple[str, str, Mapping[str, bytes], list[str]]]:
    """Of formats with a file a run: name, form, files and options of each."""
    both = ["--gpu", "H100-SXM-80GB", "--tp", "4"]
    latency = "results.request_performance.aggregate.latency"
    kinds: list[tuple[str, str, list[str], Mapping[str, Any], tuple[str, str]]] = [
        ("aiperf", "json", both, test_aiperf.EXPORT,
         ("time_to_first_token.avg", "request_latency.avg")),
        ("inference-perf", "json", both, test_inference_perf.STAGE,
         ("successes.latency.time_to_first_token.mean", "successes.latency.request_latency.mean")),
        ("llm-d", "yaml", [], test_llmd.REPORT,
         (f"{latency}.time_to_first_token.mean", f"{latency}.request_latency.mean")),
    ]  # fmt: skip
    for name, form, options, whole, (first, all_of_it) in kinds:
        files = {}
        for number in range(4):
            before = {path: _at(whole, path) for path in (first, all_of_it)}
            made = changed(dict(whole), first, before[first] * (1 + 0.5 * number))
            made = changed(made, all_of_it, before[all_of_it] * (1 + 0.5 * number))
            text = json.dumps(made) if form == "json" else yaml.safe_dump(made)
            files[f"{name}{number}.{form}"] = text.encode()
        yield name, form, files, options


def _at(whole: Any, path: str) -> Any:
    for step in path.split("."):
        whole = whole[step]
    return whole


NODES_CSV = b"""\
node,gpu,gpus,leaf,spine,cluster
n1,NVIDIA-H100-80GB-HBM3,8,l1,s1,c1
n2,NVIDIA-H100-80GB-HBM3,8,l1,s1,c1
n3,NVIDIA-L40S,4,l2,s1,c1
"""
"""An inventory as a table."""
NODES_JSON = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": f"n{i}",
                    "labels": {
                        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
                        "network.topology.nvidia.com/leaf": f"l{i // 2}",
                        "network.topology.nvidia.com/spine": "s1",
                    },
                },
                "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
                "status": {
                    "capacity": {"nvidia.com/gpu": "8"},
                    "allocatable": {"nvidia.com/gpu": "8"},
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            }
            for i in range(3)
        ],
    }
).encode()
"""The same as kubectl tells it."""
