#!/usr/bin/python
# -*- coding: utf-8 -*-

DOCUMENTATION = r"""
module: upgrade
short_description: Install a verified upgrade bundle on a host, prove it, or lead the host back
version_added: "0.1.0"
description:
  - A process on the host, detached from the connection, carries the upgrade out; this module begins it, watches it and gives the orders that follow.
  - Without a word from the control machine for C(deadman) seconds the host leads itself back.
options:
  verb:
    description: What to do. C(look), C(status), C(verify) and C(audit) change nothing; C(install) ends with the bundle installed and services up; C(finish) restarts, proves and commits.
    type: str
    choices: [look, install, finish, rollback, status, verify, audit]
    default: install
  job:
    description: What C(harden upgrade) found out about the verified bundle, or the path of a JSON file that holds it.
    type: raw
  id:
    description: The upgrade, as C(install) returned it.
    type: str
  why:
    description: Why the host is rolled back.
    type: str
  newest:
    description: Lead the newest upgrade back only where no transaction was made after it.
    type: bool
    default: false
  force:
    description: Roll back even if files or the database changed after the upgrade. The newer data are lost.
    type: bool
    default: false
  force_older:
    description: Reason for which an older release is accepted; kept on the host.
    type: str
  deadman:
    description: Seconds without a word after which the host leads itself back.
    type: float
    default: 900
  by:
    description: Who upgrades, for the record.
    type: str
  endpoints:
    description: Endpoints that C(finish) scans from the control machine.
    type: list
    elements: str
  policy:
    description: The TLS policy they have to keep.
    type: str
    default: aspect
  infra:
    description: Settings (TOML) for the shipped testinfra suites, which C(finish) and C(verify) run against the host.
    type: str
  audit:
    description: Whether the host's files are brought and audited, by C(install) before the first change and by C(finish) before it is final; C(audit) does nothing else.
    type: bool
    default: false
  audit_fail_on:
    description: The least severity of a finding that leads the host back.
    type: str
    choices: [info, low, medium, high, critical, never]
    default: medium
  audit_paths:
    description: Further folders of the host that are audited, beside the product's and the recipe's.
    type: list
    elements: str
    default: []
  audit_waivers:
    description: Waiver file (TOML) of the control machine; what it accepts leads no host back.
    type: str
  install:
    description: Whether the recovery at boot stays on the host.
    type: bool
    default: true
  root:
    description: Root of the host's file system; another one than C(/) is for tests.
    type: str
    default: /
  progress:
    description: File on the control machine that is told of every step.
    type: str
  logs:
    description: Folder on the control machine for the installer's log of each host.
    type: str
  state_dir:
    description: The agent's directory on the host.
    type: str
    default: /var/lib/aspect-hardening
author:
  - The aspect-hardening project (@aspect-hardening)
"""

EXAMPLES = r"""
- name: Install the bundle
  aspect.hardening.upgrade:
    job: "{{ upgrade_job }}"
  register: installed

- name: Prove it and make it final
  aspect.hardening.upgrade:
    verb: finish
    job: "{{ upgrade_job }}"
    id: "{{ installed.upgrade.id }}"
    endpoints: ["192.0.2.7:443"]
"""

RETURN = r"""
upgrade:
  description: What became of the upgrade; state, id, from, to, steps, restored, leftovers, log.
  returned: always
  type: dict
"""
