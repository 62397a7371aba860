"""`profiles`: the ready profiles that come with heteroplan."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heteroplan.entities.workload import Profile


def ready_profiles(model: str | None = None, gpu: str | None = None) -> "tuple[Profile, ...]":
    """What `ready:NAME` may name, of one model and for one GPU type where given.

    Raises UsageError for names that no ready profile has.
    """
    from heteroplan.inputs.ready import read_ready

    return read_ready(model, gpu)
