#!/usr/bin/python
# -*- coding: utf-8 -*-

DOCUMENTATION = r"""
module: control_engine
short_description: Set the control engine's port without restarting it
version_added: "0.1.0"
description:
  - Writes the port to the product's configuration, opens it in the firewall and gives it its SELinux label, as one transaction.
  - The firewall lets the new port in exactly as it does the old one. Where that cannot be done for certain, the change is refused before its first step.
  - The engine is not restarted. What runs is read from C(/proc), and until it is what is configured, the host says so.
  - A port that is privileged, reserved, or somebody else's is refused before anything changes.
options:
  port:
    description: The port; left out, nothing is changed and only looked at.
    type: int
  restart:
    description:
      - C(manual) leaves the restart to a person; C(now) restarts, and the change stands once the engine listens on the new port of the host and not on the old one.
      - C(ask) is C(manual), and says in RV(engine.ask) whether there is something to ask a person; the role does.
    type: str
    choices: [manual, ask, now]
    default: manual
  config:
    description: The file that sets the engine's port. No source names it; a change is refused without it.
    type: str
  key:
    description: The key in that file that holds the port.
    type: str
  process:
    description: Name of the engine's process.
    type: str
  service:
    description: Name of the engine's service.
    type: str
  restart_argv:
    description: The command that restarts the engine, where the init system's own will not do.
    type: list
    elements: str
  clients:
    description: Files or patterns of clients that may name the port; they are reported, never changed.
    type: list
    elements: str
  motd:
    description: The file whose reader sees the pending restart.
    type: str
    default: /etc/motd
  firewall:
    description: Whether firewall and label follow. With C(false) neither is looked at, and somebody has to let the new port in by hand.
    type: bool
    default: true
  sources:
    description: The networks that the new port is let in for; empty means for whom the old port is let in.
    type: list
    elements: str
  by:
    description: Who asked for it; kept with the pending restart.
    type: str
  product:
    description: Whose product data the defaults are of.
    type: str
    default: aspect
extends_documentation_fragment: aspect.hardening.agent
author:
  - The aspect-hardening project (@aspect-hardening)
"""

EXAMPLES = r"""
- name: Move the engine to another port, restart by hand later
  aspect.hardening.control_engine:
    port: 7300
"""

RETURN = r"""
engine:
  description: >-
    The engine as it is (configured, running, restart_pending, line, clients, not_seen, firewall, shut_off, open_to_all, unclear), and
    C(ask), whether a person is to be asked; null where the host has none.
  returned: always
  type: dict
"""
