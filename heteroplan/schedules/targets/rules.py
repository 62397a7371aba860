"""Rules -> the object that stands for each pool, every problem at once."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from heteroplan.entities.network import Affinity, Network
from heteroplan.entities.targets import NAME_FIELDS, NameForm, TargetRule
from heteroplan.errors import UsageError
from heteroplan.inputs.checks.targets import CONDITIONS
from heteroplan.outputs.plan.document.plan_document import PoolPart
from heteroplan.schedules.targets.scaling import refusal
from heteroplan.schedules.targets.target import Target

MOST_LABEL = 63
"""Characters of an RFC 1123 label."""
_MOST_SUBDOMAIN = 253
_DIGEST = 8
_MOST_SHOWN = 20
"""Problems of one kind that a message lists."""


@dataclass(frozen=True, slots=True)
class TargetRules:
    """Rules in their order, and where they are written."""

    rules: tuple[TargetRule, ...]
    source: str
    """As messages name it: a file."""
    wider: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Wider domains that hold a domain."""
    namespace: str = ""
    """Of objects whose rule gives none."""
    context: str = ""
    """Of objects whose rule gives none."""

    def index(self, pool: PoolPart) -> int | None:
        """Which rule is the first that fits a pool; None where none does."""
        return next((i for i, rule in enumerate(self.rules) if self._fits(rule, pool)), None)

    def _fits(self, rule: TargetRule, pool: PoolPart) -> bool:
        domains = {pool.domain, *self.wider.get(pool.domain, ())}
        return (not rule.domain or rule.domain in domains) and all(
            getattr(rule, each) in ("", str(getattr(pool, each)))
            for each in CONDITIONS
            if each != "domain"
        )

    def targets(self, pools: Sequence[PoolPart], form: str = "") -> tuple[Target, ...]:
        """What stands for each pool.

        `form` is the format that is to scale them; empty for any. Raises UsageError with all that
        is wrong: pools without a rule, names that are none, two pools with one object, objects
        that the format cannot scale.
        """
        found = [self.index(pool) for pool in pools]
        missing = [pool for pool, i in zip(pools, found, strict=True) if i is None]
        problems = [
            f"{self.source}: targets: no rule fits {described(pool)}; add one, such as "
            f"{{workload: {pool.workload}, role: {pool.role.value}, preset: deployment}}"
            for pool in missing[:_MOST_SHOWN]
        ]
        if len(missing) > _MOST_SHOWN:
            problems.append(f"{len(missing) - _MOST_SHOWN} more pools have no target")
        made = {
            n: self._target(i, pools[n], problems) for n, i in enumerate(found) if i is not None
        }
        problems += self._doubled({n: each for n, each in made.items() if each.name}, pools, found)
        problems += self._unscaled(made, found, form)
        if problems:
            raise UsageError(*dict.fromkeys(problems))
        return tuple(made.values())

    def _target(self, index: int, pool: PoolPart, problems: list[str]) -> Target:
        rule = self.rules[index]
        kind = rule.of_kind
        values = {each: str(getattr(pool, each)) for each in NAME_FIELDS}
        name = object_name(rule.name_template.format(**values), kind.name_form)
        if wrong := _wrong(name, kind.name_form):
            problems.append(
                f"{self.source}: targets[{index}].name: {rule.name_template}: gives "
                f"{described(pool)} {wrong} ({kind.kind} takes an {kind.name_form.value}); write "
                "another"
            )
        component = rule.component.format(**values) or kind.parts.get(pool.role, "")
        if kind.parts and component not in kind.parts.values():
            problems.append(
                f"{self.source}: targets[{index}].component: {rule.component}: gives "
                f"{described(pool)} {component!r}, but {kind.kind} has "
                f"{' and '.join(sorted(set(kind.parts.values())))}; write one of them"
            )
        return Target(
            kind.api_version,
            kind.kind,
            name if not wrong else "",
            rule.namespace or self.namespace,
            rule.context or self.context,
            component,
        )

    def _doubled(
        self,
        made: Mapping[int, Target],
        pools: Sequence[PoolPart],
        found: Sequence[int | None],
    ) -> Iterator[str]:
        """Objects, or parts of them, that stand for several pools."""
        objects: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for n, each in made.items():
            objects[each.context, each.namespace, each.kind, each.name].append(n)
        for numbers in objects.values():
            parts: dict[str, list[int]] = defaultdict(list)
            for n in numbers:
                parts[made[n].component].append(n)
            # A whole object scales its parts as well.
            clashes = [numbers] if "" in parts else list(parts.values())
            for same in clashes:
                if len(same) > 1:
                    yield self._doubled_line(same, made, pools, found)

    def _doubled_line(
        self,
        same: Sequence[int],
        made: Mapping[int, Target],
        pools: Sequence[PoolPart],
        found: Sequence[int | None],
    ) -> str:
        those = [pools[n] for n in same]
        indices = sorted({i for n in same if (i := found[n]) is not None})
        templates = [self.rules[i].name_template for i in indices]
        unlike = [each for each in NAME_FIELDS if len({getattr(p, each) for p in those}) > 1]
        unused = [f"{{{each}}}" for each in unlike if all(f"{{{each}" not in t for t in templates)]
        remedy = f"add {' or '.join(unused)} to the name" if unused else "give them other names"
        shown = " and ".join(map(described, those[:2]))
        more = f" and {len(those) - 2} more" if len(those) > 2 else ""
        place = ", ".join(f"targets[{i}].name" for i in indices)
        return (
            f"{self.source}: {place}: {', '.join(dict.fromkeys(templates))}: "
            f"{made[same[0]].shown} would stand for {shown}{more}; {remedy}"
        )

    def _unscaled(
        self, made: Mapping[int, Target], found: Sequence[int | None], form: str
    ) -> Iterator[str]:
        """Once for each rule."""
        first = {found[n]: each for n, each in reversed(list(made.items()))}
        for index in sorted(i for i in first if i is not None):
            if remedy := refusal(form, first[index]):
                yield f"{self.source}: targets[{index}]: {remedy}"


def described(pool: PoolPart) -> str:
    """A pool in a message, such as `decode of chat (h100-tp4 on h100x8 in a-s1)`."""
    return (
        f"{pool.role.value} of {pool.workload} ({pool.engine} on {pool.node_type} in {pool.domain})"
    )


def wider_domains(network: Network) -> dict[str, frozenset[str]]:
    """The spine and cluster that hold a leaf, and the cluster that holds a spine."""
    levels = list(Affinity)
    found: dict[str, set[str]] = defaultdict(set)
    for leaf in network.leaves:
        for i, level in enumerate(levels):
            found[leaf.domain(level)].update(leaf.domain(wide) for wide in levels[i + 1 :])
    return {name: frozenset(wide) for name, wide in found.items()}


def object_name(raw: str, form: NameForm) -> str:
    """In lower case, other characters as -; a long one is cut and ends in a digest."""
    if form is NameForm.SUBDOMAIN:
        parts = (re.sub(r"[^a-z0-9-]+", "-", part).strip("-") for part in raw.lower().split("."))
        name, most = ".".join(filter(None, parts)), _MOST_SUBDOMAIN
    else:
        name, most = re.sub(r"[^a-z0-9-]+", "-", raw.lower()).strip("-"), MOST_LABEL
    if len(name) > most:
        digest = hashlib.sha256(raw.encode()).hexdigest()[:_DIGEST]
        name = f"{name[: most - _DIGEST - 1].rstrip('-.')}-{digest}"
    return name


def _wrong(name: str, form: NameForm) -> str:
    if not name:
        return "an empty name"
    if form is NameForm.SERVICE and not name[0].isalpha():
        return f"{name!r}, which begins with a digit"
    return ""
