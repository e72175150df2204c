"""The agent: changes a host as one transaction. It is streamed, or runs where it was installed.

    agent.pyz facts|status|recover|rollback|confirm|watch [--root DIR] [--state DIR] [--id ID] [--boot] [--check] [--force]
    agent.pyz check|apply|verify < plan.json

A plan is a JSON object; every part is optional:

    label       a word for people
    files       [{path, content (Base64), mode "0644", owner, group, secontext, secret, mkdir, follow, expect_sha256,
                from}]               `from`: a file of this host; its content comes first; always a secret
    remove      [{path}]                 files and whole directories; a copy stays in the transaction
    commands    [{name, do, undo, check}]         `check` exits 0 if there is nothing to do
    validators  [{name, argv, timeout}]  run on the staged files in a mount namespace, and again after they were placed
    services    [{name, action, argv, paths, starts}]     after a change (of one of `paths`, where given); `starts`: a
                restart starts a stopped service; otherwise it is left stopped
    probes      [{kind, ...}]            tcp, tls, listen, absent, command, path; see `shared.probes`
    settle      seconds to wait before the probes are asked a second time
    deadman     seconds within which `confirm` has to come; otherwise everything is undone
    install     true: keep a copy of the agent and its recovery at boot on the host
    keep        how many finished transactions stay available for rollback (20); `keep_days` (180) and `keep_mib`
                (2048) limit their age and the size of their copies; the newest always stays
    follows     the transaction that this one finishes: both are undone together

`@state/` at the start of a path means the agent's own directory. What happens on disk, in this order:

    lock, undo what an earlier run left half done, compare, run the validators on the staged files,
    copies of what will be replaced (read back and compared), the guard process, journal "open",
    every new file beside its place, journal "staged", one rename each, journal "placed",
    validators, commands, services, probes, journal "committed" (or "applied": waiting for `confirm`).

Until "committed" is on disk, whoever comes next (the guard within a second, the boot, the next run) undoes it.
"""
