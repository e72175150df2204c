#!/usr/bin/python
# -*- coding: utf-8 -*-

DOCUMENTATION = r"""
module: certificates
short_description: Replace a web server's weak, expired and soon expiring certificates
version_added: "0.1.0"
description:
  - Reads which certificates the server's configuration names, and says which are expired, expire within C(expiry_days), or have a weak key or signature.
  - Key and request are made on the managed host by its own C(openssl). The private key never leaves it, not even into a result, a log or a diff.
  - The swap of key and certificate, the server's own check and its reload are one transaction, undone when an endpoint does not present the new one.
  - The managed host needs a Python 2.6 or later and C(openssl).
options:
  mode:
    description:
      - C(report) changes nothing. C(self-signed) makes a certificate of 396 days with the names of the old one and the host's own.
      - C(csr) brings the request to C(csr_dir), and imports what lies signed in C(signed_dir) at the next run.
    type: str
    choices: [report, self-signed, csr]
    default: report
  expiry_days:
    description: How many days before its end a certificate is due, or reported.
    type: int
    default: 30
    version_added: "0.1.0"
  key:
    description: C(rsa) is RSA 2048; C(p256) is P-256 where the host's openssl has it, else RSA 2048.
    type: str
    choices: [rsa, p256]
    default: rsa
  names:
    description: Further host names and addresses of the new certificates.
    type: list
    elements: str
    default: []
  trust:
    description:
      - Authorities that certificates have to lead to, a PEM file on the control machine or C(system). Not checked without it.
      - A certificate that leads to none of them is reported, and not replaced for that.
    type: str
    default: ""
    version_added: "0.1.0"
  csr_dir:
    description: Folder on the control machine for the requests, one C(HOST.ID.csr) per certificate.
    type: path
  signed_dir:
    description: Folder on the control machine with what was signed, C(HOST.pem) or C(HOST.ANYTHING.pem), the certificate with its intermediates.
    type: path
  server:
    description: The server, as the module M(aspect.hardening.tls) takes it.
    type: dict
    required: true
  prove:
    description: Whether the endpoints that presented an old certificate have to present the new one before the change may stand.
    type: bool
    default: true
extends_documentation_fragment: aspect.hardening.agent
author:
  - The aspect-hardening project (@aspect-hardening)
"""

EXAMPLES = r"""
- name: Make requests for what is due, and import what was signed
  aspect.hardening.certificates:
    mode: csr
    csr_dir: "{{ playbook_dir }}/requests"
    signed_dir: "{{ playbook_dir }}/signed"
    server:
      target: nginx
      endpoints: ["{{ inventory_hostname }}:443"]
"""

RETURN = r"""
certificates:
  description: Each certificate that the configuration names, with what is wrong with it, C(untrusted) and why it is not replaced.
  returned: always
  type: list
requests:
  description: The requests that this run brought to the control machine.
  returned: where C(mode) is C(csr) and something is due
  type: list
notes:
  description: What is due, and what is not replaced and why.
  returned: always
  type: list
"""
