#!/usr/bin/python
# -*- coding: utf-8 -*-

DOCUMENTATION = r"""
module: tls
short_description: Make a TLS policy hold on a web server
version_added: "0.1.0"
description:
  - Asks the control machine's C(aspect-hardening) for the settings of a policy, narrowed to the server's release.
  - Writes them as one file, comments out the lines elsewhere that would win over it, lets the server judge the staged
    files, swaps them, reloads the service, scans the endpoints from the control machine, and undoes everything
    when anything of this fails.
  - The managed host needs a Python 2.6 or later and nothing else.
options:
  verb:
    description: C(apply) changes what is not as planned; C(verify) only says so, and fails.
    type: str
    choices: [apply, verify]
    default: apply
  policy:
    description: Name of the policy, or the path of a policy file on the control machine.
    type: str
    default: aspect
  server:
    description:
      - The server. Only C(target) is needed (C(nginx), C(httpd) or C(lighttpd)); C(version), C(openssl), C(params), C(configs),
        C(place), C(check), C(service), C(action), C(reload) and C(endpoints) override what is found.
      - C(action) is C(reload); for lighttpd before 1.4.46, and where lighttpd runs under another account or in a chroot, it is
        C(restart), because such a lighttpd does not read its settings or its key again.
    type: dict
    required: true
  prove:
    description: Whether C(server.endpoints) are scanned from the control machine before the change may stand.
    type: bool
    default: true
  deadman:
    description:
      - Seconds within which the control machine has to come back on a new connection; otherwise the host undoes the change by itself.
      - Where a scan proves the change, 120 are taken when this is 0.
    type: float
    default: 0
extends_documentation_fragment: aspect.hardening.agent
author:
  - The aspect-hardening project (@aspect-hardening)
"""

EXAMPLES = r"""
- name: Make the default policy hold on nginx
  aspect.hardening.tls:
    policy: aspect
    server:
      target: nginx
      endpoints: ["{{ inventory_hostname }}:443"]
"""

RETURN = r"""
state:
  description: What became of it (unchanged, would-change, committed, rolled-back, refused, broken).
  returned: always
  type: str
files:
  description: What happens to each path, with the digests before and after.
  returned: always
  type: list
notes:
  description: What was assumed, and what the server cannot be told.
  returned: always
  type: list
"""
