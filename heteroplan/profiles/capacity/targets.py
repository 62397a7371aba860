"""What the SLO of each class of a mix asks of a replica [ms].

A latency has an absolute target, or one relative to the same request alone on an idle replica, or
both, of which the lesser counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from heteroplan.entities.capacity import mix_rps
from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import RequestClass, Workload
from heteroplan.profiles.capacity.latency import prefill_ms, step_ms
from heteroplan.profiles.capacity.setting import Points, Setting

LARGEST_SHARE = 0.999
"""More is not asked of some classes so that others may be late."""
LONG_MS = 60_000.0
"""Longer than what is alone takes."""


def slo_of(setting: Setting, shape: RequestClass) -> Slo:
    """The class's own, or the workload's."""
    return setting.slo if shape.slo is None else shape.slo


def single_slos(setting: Setting) -> list[Setting]:
    """The setting once for each SLO that has to hold, with limits of TTFT and ITL only.

    Item k of the workload's SLOs stands beside item k of each class, or the last one there is.
    """
    slos = [setting.slo, *(each.slo for each in setting.mix if each.slo is not None)]
    if not any(each.also or each.e2e_slowdown < inf for each in slos):
        return [setting]
    return [
        replace(
            setting,
            slo=setting.slo.item(k).by_token,
            mix=tuple(
                shape if shape.slo is None else replace(shape, slo=shape.slo.item(k).by_token)
                for shape in setting.mix
            ),
        )
        for k in range(max(len(each.items) for each in slos))
    ]


def is_joint(slo: Slo | None) -> bool:
    """Whether its percentile is of TTFT and ITL both."""
    return slo is None or (slo.ttft_percentile is None and slo.itl_percentile is None)


def ttft_target_ms(setting: Setting, shape: RequestClass, alone_ms: float) -> float:
    """Longest TTFT of a request of the class whose first token takes `alone_ms` alone [ms]."""
    slo = slo_of(setting, shape)
    return min(slo.ttft_ms, slo.ttft_slowdown * alone_ms)


def itl_target_ms(setting: Setting, shape: RequestClass) -> float:
    """Longest ITL of the class on an engine that decodes [ms]."""
    slo, values = slo_of(setting, shape), setting.engine.decode
    if values is None or slo.itl_slowdown == inf:
        return slo.itl_ms
    return min(slo.itl_ms, slo.itl_slowdown * step_ms(values, 1.0, shape.decode_context))


def first_steps_ms(setting: Setting, shape: RequestClass) -> list[tuple[float, float]]:
    """The first decode step after prefill, by each engine that may decode [ms]:

    alone, and as long as the ITL target lets it be.
    """
    slo = slo_of(setting, shape)
    alone = [step_ms(each, 1.0, shape.isl) for each in setting.decoders] or [0.0]
    if slo.itl_slowdown < inf:
        return [(each, min(slo.itl_ms, slo.itl_slowdown * each)) for each in alone]
    return [(each, slo.itl_ms) for each in alone]


def holding_itl(rule: Callable[[Setting], Points]) -> Callable[[Setting], Points]:
    """`rule` with the ITL of all classes of a mix, whose sequences share every decode step.

    Of the classes that have one percentile p those with the tightest targets, a share s of them,
    may be late where p / (1 - s) of the others keep theirs: the greatest rate of all such s. Where
    there are several percentiles, the least rate of them.
    """

    def held(setting: Setting) -> Points:
        def rate(points: Points) -> float:
            return rate_rps(setting, points)

        by_percentile = [
            max((rule(replace(setting, slo=slo)) for slo in slos), key=rate)
            for slos in _itl_slos(setting)
        ]
        return min(by_percentile, key=rate)

    return held


def _itl_slos(setting: Setting) -> list[list[Slo]]:
    """By percentile, the workload's SLO with the ITL targets of which one has to hold."""
    alike: dict[tuple[float, ItlOf], list[tuple[float, float]]] = {}
    for shape in setting.mix:
        own = slo_of(setting, shape)
        targets = alike.setdefault((own.itl_share, own.itl_of), [])
        targets.append((itl_target_ms(setting, shape), shape.share))
    return [
        [
            replace(
                setting.slo,
                itl_ms=target_ms,
                itl_slowdown=inf,
                itl_of=itl_of,
                **_percentiles(setting, share),
            )
            for target_ms, share in _alternatives(targets, percentile)
        ]
        for (percentile, itl_of), targets in alike.items()
    ]


def _percentiles(setting: Setting, itl_share: float) -> dict[str, Any]:
    """The ITL's, and that of the TTFT as it was; none where they are as they were."""
    if itl_share == setting.slo.itl_share:
        return {}
    return {"itl_percentile": itl_share, "ttft_percentile": setting.slo.ttft_share}


def _alternatives(
    targets: Sequence[tuple[float, float]], percentile: float
) -> list[tuple[float, float]]:
    """From (target, share of the requests): targets, and the share that has to keep each."""
    whole, before, found = sum(share for _, share in targets), 0.0, []
    by_target: dict[float, float] = {}
    for target_ms, share in sorted(targets):
        by_target[target_ms] = by_target.get(target_ms, 0.0) + share
    for target_ms, share in by_target.items():
        wanted = percentile if before == 0.0 else percentile / (1.0 - before / whole)
        if before and wanted >= LARGEST_SHARE:
            break
        found.append((target_ms, wanted))
        before += share
    return found


def rate_rps(setting: Setting, points: Points) -> float:
    """Rate of the whole mix that a replica serves [requests/s]; 0 of no points."""
    if not points:
        return 0.0
    return mix_rps(
        (shape.share, point.capacity_rps) for shape, point in zip(setting.mix, points, strict=True)
    )


def absolute_slo(load: Workload) -> Slo:
    """The workload's SLO, the first of several, with absolute targets only.

    For what knows no others. Relative ones are taken of the mean request of the busiest interval on
    the fastest engine; `LONG_MS` where no engine has coefficients.
    """
    slo = load.slo.by_token.item(0)
    if slo.ttft_slowdown == slo.itl_slowdown == inf:
        return slo
    mix = load.demand[load.busiest].classes
    whole = sum(shape.share for shape in mix)
    tokens = sum(shape.share * shape.missed_tokens for shape in mix) / whole
    context = sum(shape.share * shape.decode_context for shape in mix) / whole
    engines = load.profile.engines
    prompt_ms = min(
        (prefill_ms(each.prefill, tokens) for each in engines if each.prefill is not None),
        default=LONG_MS,
    )
    alone_ms = min(
        (step_ms(each.decode, 1.0, context) for each in engines if each.decode is not None),
        default=LONG_MS,
    )
    return replace(
        slo,
        ttft_ms=min(slo.ttft_ms, slo.ttft_slowdown * (prompt_ms + alone_ms)),
        itl_ms=min(slo.itl_ms, slo.itl_slowdown * alone_ms),
        ttft_slowdown=inf,
        itl_slowdown=inf,
    )
