"""Options that every module has which changes a host through the agent."""


class ModuleDocFragment:
    """`extends_documentation_fragment: aspect.hardening.agent`."""

    DOCUMENTATION = r"""
options:
  deadman:
    description:
      - Seconds within which the control machine has to come back on a new connection; otherwise the host undoes the change by itself.
      - 0 switches it off.
    type: float
    default: 0
  install:
    description: Whether the agent and its recovery at boot stay on the host.
    type: bool
    default: false
  state_dir:
    description: The agent's directory on the host.
    type: str
    default: /var/lib/aspect-hardening
"""
