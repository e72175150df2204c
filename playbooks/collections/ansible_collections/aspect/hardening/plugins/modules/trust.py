#!/usr/bin/python
# -*- coding: utf-8 -*-

DOCUMENTATION = r"""
module: trust
short_description: Bring the keys whose bundles a host installs
version_added: "0.1.0"
description:
  - Makes a folder of public keys and a threshold on the host what a trust file says, as one transaction.
  - Keys that were revoked, expired or are not valid yet, and keys that the file does not name, go from the host and are named.
options:
  file:
    description: The trust file on the control machine, as C(harden bundle verify --trust) reads it; key files lie beside it.
    type: path
    required: true
  expected:
    description: Key ids (at least 16 hex digits) that their holders read out; another key, or one that is absent, is refused.
    type: list
    elements: str
  folder:
    description: Where the keys lie on the host.
    type: str
    default: /etc/aspect-hardening/trust
extends_documentation_fragment: aspect.hardening.agent
author:
  - The aspect-hardening project (@aspect-hardening)
"""

EXAMPLES = r"""
- name: Trust the release key and no other
  aspect.hardening.trust:
    file: trust.toml
    expected: [3f2a9c0de41b7788]
"""

RETURN = r"""
trusted:
  description: Each key with C(keyid), C(state) (added, kept, removed, left-out) and C(why).
  returned: success
  type: list
threshold:
  description: How many of the keys have to have signed.
  returned: success
  type: int
shown:
  description: Lines for the person who compares the key ids.
  returned: success
  type: list
state:
  description: What became of it (unchanged, would-change, committed, rolled-back, refused, broken).
  returned: always
  type: str
"""
