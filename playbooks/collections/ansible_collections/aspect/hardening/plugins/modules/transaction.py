#!/usr/bin/python
# -*- coding: utf-8 -*-

DOCUMENTATION = r"""
module: transaction
short_description: Change files, commands and services of a host as one transaction
version_added: "0.1.0"
description:
  - Either everything in the task is true afterwards and checked, or everything is as it was before.
  - Works on every host that has a Python 2.6 or later, whatever this ansible-core itself still manages.
options:
  verb:
    description: What to do; C(apply) and C(verify) take the options below.
    type: str
    choices: [apply, verify, status, facts, recover, rollback, uninstall]
    default: apply
  label:
    description: A word for people, kept with the transaction.
    type: str
  by:
    description: Who asked for it; kept with the transaction.
    type: str
  files:
    description:
      - Whole files. Keys C(path), C(content), C(content_base64) or C(src) (a file of the control machine), C(mode), C(owner), C(group),
        C(secontext), C(secret), C(mkdir), C(follow).
    type: list
    elements: dict
  remove:
    description: Files and directories to take away, no patterns; a copy stays in the transaction.
    type: list
    elements: str
  commands:
    description: Changes that are no files. Keys C(name), C(do), C(undo), C(check).
    type: list
    elements: dict
  validators:
    description: Programs that judge the files before and after they are placed. Keys C(name), C(argv).
    type: list
    elements: dict
  services:
    description:
      - Services to tell after a change. Keys C(name), C(action) (reload or restart), C(argv) (the command instead), C(paths), C(starts).
      - One that does not run is left stopped by a restart, unless C(starts) is true; a reload of one is refused before anything is changed.
    type: list
    elements: dict
  probes:
    description:
      - What has to answer afterwards. Keys C(kind), C(name), C(wait) (seconds, 5) and those of the kind.
      - C(tcp) and C(tls) have C(port) and C(host), C(listen) has C(port) and C(process), C(absent) has C(port),
        C(command) has C(argv) and C(timeout), C(path) has C(path) and C(absent).
    type: list
    elements: dict
  settle:
    description: Seconds after which the probes are asked once more.
    type: float
    default: 0
  keep:
    description: How many finished transactions can still be rolled back.
    type: int
    default: 20
  keep_days:
    description: For how many days a finished transaction can be rolled back; the newest always can.
    type: float
    default: 180
  keep_mib:
    description: How many MiB the copies of finished transactions may take; the newest always stays.
    type: int
    default: 2048
  id:
    description: The transaction to roll back; the newest when left out.
    type: str
  force:
    description: Roll back even if somebody changed the files after the transaction. These changes are lost.
    type: bool
    default: false
  read:
    description: Paths or patterns whose content C(facts) returns.
    type: list
    elements: str
extends_documentation_fragment: aspect.hardening.agent
author:
  - The aspect-hardening project (@aspect-hardening)
"""

EXAMPLES = r"""
- name: Change two files and reload, or nothing
  aspect.hardening.transaction:
    files:
      - path: /etc/httpd/conf.d/one.conf
        content: "{{ one }}"
      - path: /etc/httpd/conf.d/two.conf
        content: "{{ two }}"
    validators:
      - name: httpd
        argv: [httpd, -t]
    services:
      - name: httpd
        action: reload
    probes:
      - kind: tcp
        port: 443

- name: Undo the last transaction
  aspect.hardening.transaction:
    verb: rollback
"""

RETURN = r"""
state:
  description: What became of it (unchanged, would-change, committed, rolled-back, refused, broken).
  returned: always
  type: str
tx:
  description: Name of the transaction.
  returned: when something changed
  type: str
files:
  description: What happens to each path, with the digests before and after.
  returned: always
  type: list
left_stopped:
  description: The services that do not run, and were neither told nor started.
  returned: when there are any
  type: list
"""
