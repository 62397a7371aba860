"""The command that gives a target a size."""

from heteroplan.schedules.targets.target import Target


def scale_words(target: Target) -> list[str]:
    """`kubectl scale` for the target, without the number of replicas."""
    words = ["kubectl"]
    words += [f"--context={target.context}"] if target.context else []
    words += [f"--namespace={target.namespace}"] if target.namespace else []
    return [*words, "scale", f"{target.kind.lower()}/{target.name}"]
