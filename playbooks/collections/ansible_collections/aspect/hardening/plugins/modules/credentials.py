#!/usr/bin/python
# -*- coding: utf-8 -*-

DOCUMENTATION = r"""
module: credentials
short_description: Fill in the references that a cleaned bundle left in installed files
version_added: "0.1.0"
description:
  - Writes the host's secret store, and the secrets to where C(@secret:name@) stands, as one transaction.
  - A secret is written as the language at its place needs it; one that cannot be written there is refused by name.
  - No secret is in the task's arguments, its result or its diff.
options:
  list:
    description: The file on the control machine that C(harden bundle clean --secrets FILE) wrote.
    type: path
  places:
    description: Where parts of the bundle lie on the host. Keys C(bundle) (how a path begins), C(path), C(group).
    type: list
    elements: dict
  secrets_from:
    description: The name of the variable that holds the secrets (name to value), from ansible-vault.
    type: str
  accounts:
    description:
      - Accounts of a database on the host whose password leaked. Keys C(name) (of the secret), C(engine) (mariadb, mysql,
        postgresql), C(user), C(host), C(socket), C(port), C(defaults_file), C(admin), C(since).
      - An account that was never rotated, or not since the day C(since), gets a new password, made at random and kept in
        the store; a login with it has to succeed and one with the earlier password has to be refused, or everything is undone.
    type: list
    elements: dict
  earlier_from:
    description: The name of the variable that holds the leaked passwords (name to value) where the store has none yet.
    type: str
  store:
    description: The host's secret store.
    type: str
    default: /etc/aspect-hardening/secrets.json
  services:
    description: Services to restart or reload after a change, as in the transaction module.
    type: list
    elements: dict
  probes:
    description: What has to answer afterwards, as in the transaction module.
    type: list
    elements: dict
extends_documentation_fragment: aspect.hardening.agent
author:
  - The aspect-hardening project (@aspect-hardening)
"""

EXAMPLES = r"""
- name: Give the product its passwords
  aspect.hardening.credentials:
    list: secrets.json
    secrets_from: site_passwords
    places:
      - bundle: www/
        path: /var/www/html/
        group: apache
      - bundle: tests/
        path: ""

- name: Change the password that the old bundle gave away
  aspect.hardening.credentials:
    list: secrets.json
    places:
      - bundle: www/
        path: /var/www/html/
        group: apache
    accounts:
      - name: mysql-engine
        engine: mariadb
        user: engine
        since: 2026-11-24
    earlier_from: leaked_passwords
"""

RETURN = r"""
state:
  description: What became of it (unchanged, would-change, committed, rolled-back, refused, broken).
  returned: always
  type: str
files:
  description: The files that change; never their content.
  returned: always
  type: list
"""
