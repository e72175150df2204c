"""The upgrader: installs one bundle on a host, or rolls the host back. It uses the agent's transactions.

    upgrade.pyz status|recover [--boot] [--state DIR]

A detached process carries out the upgrade, so that a lost connection or a dead control machine does not end it:

    begin -> backup (hot) -> maintenance -> backup (cold) -> install -> services started -> wait for the control
          machine, which configures -> settle (restarts, maintenance off, probes) -> wait for its proof -> commit

and back, from any step: declared paths, database, transactions made meanwhile, services; verified.
Each step is in the journal, on disk, before it begins. Until "committed" is there, whoever comes next (the
supervisor within a second, the boot, the control machine's next question, the time limit) rolls the host back.

A recipe is a JSON object (`hardening.upgrade.recipe` makes it); its commands may name {root} {work} {bundle}
{release} {python} {mysql} {mysqldump}. Requests: look, begin, watch, order, status, verify, recover; see `main.VERBS`.
"""
