"""What stands for a pool in a cluster."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """An object whose size is that of a pool."""

    api_version: str
    """Such as apps/v1."""
    kind: str
    name: str
    namespace: str = ""
    """Empty for the one that is current when the schedule is applied."""
    context: str = ""
    """kubectl context; empty for the current one."""
    component: str = ""
    """Part of the object that is meant, where one object has several sizes; else empty."""

    @property
    def full_name(self) -> str:
        """All that tells it from others of its kind: `east/llm/chat decode`."""
        places = (self.context, self.namespace, self.name)
        part = f" {self.component}" if self.component else ""
        return "/".join(filter(None, places)) + part

    @property
    def shown(self) -> str:
        """In a message, such as `Deployment llm/chat-decode`."""
        return f"{self.kind} {self.full_name}"
