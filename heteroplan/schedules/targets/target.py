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
    def shown(self) -> str:
        """In a message, such as `Deployment chat-decode in llm`."""
        part = f"{self.component} of " if self.component else ""
        namespace = f" in {self.namespace}" if self.namespace else ""
        context = f" (context {self.context})" if self.context else ""
        return f"{part}{self.kind} {self.name}{namespace}{context}"
