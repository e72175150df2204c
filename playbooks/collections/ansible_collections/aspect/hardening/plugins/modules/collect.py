#!/usr/bin/python
# -*- coding: utf-8 -*-

DOCUMENTATION = r"""
module: collect
short_description: Bring what an audit reads from a host to the control machine
version_added: "0.1.0"
description:
  - Reads the product's folders, the servers' configurations, accounts, sudo rules and access logs, and keeps them in a folder that
    only the account of the control machine can read, with owners and modes beside them.
  - Nothing is written on the host, and no content appears in the task's result. A Python 2.6 or later on the host is enough.
options:
  to:
    description: The folder on the control machine; one folder per host is made in it.
    type: str
    required: true
  paths:
    description: Further folders or patterns of the host.
    type: list
    elements: str
    default: []
  root:
    description: Root of the host's file system.
    type: str
    default: /
author:
  - The aspect-hardening project (@aspect-hardening)
"""

EXAMPLES = r"""
- name: Bring the host's files
  aspect.hardening.collect:
    to: /var/tmp/audit
  no_log: true
"""

RETURN = r"""
paths:
  description: How many paths were looked at.
  returned: always
  type: int
left:
  description: How many were left because of their size or because they may not be read.
  returned: always
  type: int
"""
