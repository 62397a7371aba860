"""Options with values that users mistype, and worse."""

from collections.abc import Sequence
from random import Random

from tests.fuzz import values

NUMBER, WHOLE, SHARE, DURATION, DATE, ZONE, NAME, FILE, FLAG, SPAN, CHOICE, VARIED = range(12)

_LIKELY: dict[int, tuple[str, ...]] = {
    NUMBER: ("1", "0.5", "2", "1000", "60"),
    WHOLE: ("1", "2", "8", "1000"),
    SHARE: ("0", "0.1", "0.5", "0.99", "1", "10%", "5", "none"),
    DURATION: ("15min", "1h", "5 min", "30s", "1d", "7min", "1s", "0s", "90", "1.5h",
               "1week", "3h"),
    DATE: ("2026-11-23", "2026-11-23T06:00", "2026-11-23T06:00+08:00", "2026-02-29", "1969-12-31",
           "2199-12-31", "20261123", "2026-W48"),
    ZONE: ("UTC", "Asia/Singapore", "America/New_York", "Australia/Lord_Howe", "Europe/Berlin",
           "utc", "GMT+1", "../UTC", "posix/UTC", "/usr/share/zoneinfo/UTC", "zone.tab"),
    NAME: ("m", "llama", "chat", "nobody", "H100-SXM-80GB", "L40S-48GB", "vllm", "table", "HiGHS"),
    FILE: ("x.csv", "x.html", "x.json", "x.yaml", "-", ".", "..", "/dev/null", "/dev/full", "no/x",
           "/proc/nope/x", "demand.csv", "x" * 300, "a b", "plan.json", "own.csv", "x\udcff",
           "/dev/stdout", "scenario.yaml", "x.HTML", "x.csv/"),
    SPAN: ("1:2", "2:1", ":", "1:", ":1", "1", "a:b", "nan:1", "1:inf", "-1:5", "512:2048"),
    VARIED: ("demand=1,2", "demand=1..2/0.5", "demand=*1.1,*0.9", "demand=", "=1", "demand",
             "x=1,2",
             "workloads.chat.headroom=0,0.1", "slo.ttft_ms=500,-1", "demand=2..1", "demand=1..2/0",
             "fleet.l1.h100x8=1..3", "profile.p.startup_s=0,60", "demand=1..1e9/1", "a=1,2,b=3"),
    CHOICE: ("auto", "alike", "weekend", "each", "text", "json", "github", "crontab", "csv", "keda",
             "markdown", "azure", "vidur", "mooncake", "servegen", "prometheus", "heteroplan",
             "table", "splitwise", "dynamo", "aic", "aic:vllm", "kubernetes", "slurm", "topograph"),
}  # fmt: skip
_SETS = (
    "name=x", "horizon.intervals=1", "horizon.interval=30min", "workloads.chat.headroom=0.2",
    "workloads[0].priority=2", "workloads.chat.slo.itl_ms=1e400", "workloads=1", "=1", "a", "",
    "fleet=x", "workloads.chat.name=y", "horizon={start: 2026-11-23, days: 366, interval: 1min}",
    "workloads.nobody.headroom=1", "a.b.c.d.e.f=1", "[0]=1", "workloads[9].name=x",
    "objective=cost",
    "workloads[-1].name=x", "name=!!python/object:x y", "name=[", "workloads.chat.slo=null",
    "horizon.start=2026-13-01", "workloads[99999999999999999999].name=1", "horizon.days=1e9",
    "workloads.chat.min_replicas.prefill=1000000", "workloads.chat.classes=[]",
    "workloads.chat.routing=random", "workloads.chat.routing.decode=shared",
    "workloads.chat.routing=fastest", "workloads.chat.arrivals=poisson",
    "workloads.chat.arrivals={dispersion: 13}", "workloads.chat.arrivals=nowhere.csv",
    "workloads.chat.arrivals.dispersion=0.5", "workloads.chat.slo.ttft_slowdown=1",
    "workloads.chat.slo.ttft_slowdown=3", "workloads.chat.slo.itl_percentile=99%",
    "workloads.chat.slo.ttft_percentile=1", "workloads.chat.slo.itl_of=step",
    "workloads.chat.slo={ttft_slowdown: 3}", "workloads.chat.requests.osl_cv=-1",
    "targets=[{preset: dynamo}]", "targets=[{preset: x}]", "targets[0].name='{role'", "targets=5",
    "workloads.chat.classes[0].slo={}", "workloads.chat.requests.isl_cv=1e3",
)  # fmt: skip
_OF: dict[str, dict[str, int]] = {
    "plan": {"--out": FILE, "--json": FLAG, "--placement": FLAG, "--current": FILE,
             "--interval": DURATION, "--gap": SHARE, "--trace-solve": FILE, "--solver": NAME,
             "--method": CHOICE},
    "check": {"--min-headroom": SHARE, "--format": CHOICE, "--junit": FILE, "--max-cost": NUMBER,
              "--baseline": FILE, "--tolerance": SHARE, "--jobs": WHOLE},
    "compare": {"--json": FLAG, "--markdown": FLAG, "--gap": SHARE, "--jobs": WHOLE},
    "validate": {"--offers": FILE},
    "size": {"--offers": FILE, "--budget-usd": NUMBER, "--from-nothing": FLAG, "--no-compare": FLAG,
             "--out": FILE, "--json": FLAG, "--interval": DURATION, "--gap": SHARE,
             "--solver": NAME},
    "sweep": {"--vary": VARIED, "--study": FILE, "--sensitivity": FLAG, "--samples": WHOLE,
              "--seed": WHOLE, "--sampled": NAME, "--risk": FLAG, "--quantiles": SHARE,
              "--steps": WHOLE, "--jobs": WHOLE, "--gap": SHARE, "--out": FILE, "--json": FLAG,
              "--start-from-first": FLAG},
    "explain": {"--workload": NAME, "--json": FLAG},
    "export": {"--format": CHOICE, "--out": FILE, "--name-template": NAME, "--target-kind": NAME,
               "--target-api-version": NAME, "--namespace": NAME, "--context": NAME,
               "--at": DATE, "--group-template": NAME, "--served-name": NAME, "--gateway": NAME,
               "--backend-kind": NAME, "--port": WHOLE, "--targets": FILE, "--previous": FILE,
               "--current": FILE, "--least-given-up": WHOLE, "--hpa-tolerance": SHARE,
               "--max-short-minutes": WHOLE, "--kubectl-image": NAME, "--only-context": NAME},
    "demand": {"--format": CHOICE, "--map": NAME, "--interval": DURATION, "--peak": DURATION,
               "--timezone": ZONE, "--trace-timezone": ZONE, "--start": DATE, "--quantile": SHARE,
               "--weekdays": CHOICE, "--trend": NUMBER, "--growth": NUMBER, "--events": FILE,
               "--date": DATE, "--days": WHOLE, "--prefix-cache": WHOLE,
               "--max-class-error": SHARE, "--backtest": FLAG, "--holdback": WHOLE, "--out": FILE,
               "--classes": FILE, "--arrivals": FILE, "--json": FLAG},
    "fit": {"--format": CHOICE, "--from": CHOICE, "--gpu": NAME, "--tp": WHOLE, "--model": NAME,
            "--layers": WHOLE, "--context-tokens": NUMBER, "--tokens": SPAN, "--batch": SPAN,
            "--context": SPAN, "--isl": NUMBER, "--osl": NUMBER, "--ttft-ms": NUMBER,
            "--itl-ms": NUMBER, "--percentile": SHARE, "--kv-tokens": WHOLE,
            "--kv-bytes-per-token": NUMBER, "--max-sequences": WHOLE, "--max-batch-tokens": WHOLE,
            "--startup-s": NUMBER, "--drain-s": NUMBER, "--out": FILE, "--plot": FLAG,
            "--no-plot": FLAG},
    "schema": {},
    "fleet import": {"--out": FILE, "--format": CHOICE, "--map": NAME, "--prices": FILE,
                     "--price": NUMBER, "--nic-gbit-per-s": NUMBER, "--gpu": NAME,
                     "--assume-gpus": NAME, "--name": NAME, "--queue": NAME,
                     "--reservation": NAME, "--across-leaves": SHARE, "--across-spines": SHARE,
                     "--tolerate": NAME, "--timezone": ZONE, "--places": FILE,
                     "--current": FILE, "--engine-label": NAME, "--plan": FILE,
                     "--targets": FILE},
    "fleet show": {"--leaves": FLAG, "--no-leaves": FLAG, "--json": FLAG},
    "fleet diff": {"--json": FLAG},
    "profiles": {"--model": NAME, "--gpu": NAME, "--json": FLAG},
}  # fmt: skip
_TIMED = ("plan", "check", "size", "sweep")
_SET = ("plan", "check", "validate", "size", "sweep")


def spoiled(args: Sequence[str], draw: Random) -> tuple[str, ...]:
    """The command line with one to three more options, or one that is gone or unknown."""
    made = list(args)
    known = _OF[" ".join(args[:2]) if args[0] == "fleet" else args[0]]
    for _ in range(draw.choice([1, 1, 2, 3])):
        odds = draw.random()
        if odds < 0.06:
            del made[draw.randrange(1, len(made) + 1) : draw.choice([len(made), len(made) + 1])]
        elif odds < 0.1:
            made.insert(draw.randrange(len(made) + 1), draw.choice(
                ["--unknown", "-x", "--", "-h", "--version", "--no-color", "-", "", "extra", "--=",
                 "--json", "-é"]))  # fmt: skip
        elif odds < 0.25 and args[0] in _SET:
            made += ["--set", _set(draw)]
        elif odds < 0.3 and args[0] in _TIMED:
            made += ["--time-limit", draw.choice(["0", "-1", "nan", "inf", "1e400", "x", "0.001",
                                                  "1e-9", "1e9", "3s", "１０", "1_0"])]  # fmt: skip
        elif known:
            name = draw.choice(sorted(known))
            made += [name] if known[name] == FLAG else [name, _value(known[name], draw)]
        else:
            made.append(_value(NAME, draw))
    return tuple(each.replace("\0", "0") for each in made)


def _set(draw: Random) -> str:
    if draw.random() < 0.7:
        return draw.choice(_SETS)
    field = draw.choice(_SETS).partition("=")[0]
    return f"{field}={draw.choice([values.text(draw)[:1000], values.number(draw).text])}"


def _value(kind: int, draw: Random) -> str:
    odds = draw.random()
    if odds < 0.5:
        return draw.choice(_LIKELY[kind])
    if odds < 0.75:
        return values.number(draw).text
    return values.text(draw)[:10_000]
