"""Rules that an upgrade reports about a host."""

from __future__ import annotations

from hardening.findings import Rule, Severity

FIT = Rule(
    id="upgrade/preflight-failed",
    title="A host failed the preflight check",
    severity=Severity.HIGH,
    rationale="The upgrade needs disk space, services, tools, a correct clock and no open transaction. Nothing was changed on the host.",
    remedy="Fix what the message names, or leave the host out with --limit or --skip-failed-preflight.",
)
PRODUCT = Rule(
    id="upgrade/product",
    title="The bundle is for another product, or names no product",
    severity=Severity.CRITICAL,
    rationale="A bundle of another product would break the hosts.",
    remedy="Use the bundle of this product, or the recipe of the other one (--recipe). If the signature names no product, sign again: `harden bundle sign BUNDLE --key KEY --product NAME --release RELEASE`.",
)
PLACEHOLDER = Rule(
    id="upgrade/placeholder",
    title="The bundle holds a placeholder that nothing fills in",
    severity=Severity.CRITICAL,
    rationale="A program that starts with @secret:name@ instead of its password cannot log in.",
    remedy="Set up the role credentials in the inventory (credentials_list, credentials_places, credentials_secrets; see `harden docs host-credentials`). Then give the list that `harden bundle clean --secrets` wrote: `harden upgrade apply BUNDLE --secrets secrets.json`.",
)
OLDER = Rule(
    id="upgrade/older",
    title="The bundle is older than what a host has installed, or of another product",
    severity=Severity.CRITICAL,
    rationale="An old release brings its weaknesses back, although its signature is valid.",
    remedy="Install a newer release of the installed product. To install this one on purpose: --force-older REASON, which is kept on the host.",
)
REFUSED = Rule(
    id="upgrade/refused",
    title="A host refuses the bundle by its own trusted keys",
    severity=Severity.CRITICAL,
    rationale="No key that the host trusts has signed the bundle. Nothing was changed on the host.",
    remedy="Sign the bundle with a key that the host trusts. After a change of keys, put the new public key into the trust folder of the host (`harden docs trust`).",
)
DONE = Rule(
    id="upgrade/done",
    title="The upgrade is installed and verified",
    severity=Severity.INFO,
    rationale="Release, services, probes and endpoints were looked at after the change.",
    remedy="Nothing to do.",
)
ROLLED_BACK = Rule(
    id="upgrade/rolled-back",
    title="The upgrade failed and the host was rolled back",
    severity=Severity.INFO,
    rationale="Declared paths and database were restored from copies and compared; services run as before.",
    remedy="Read the reason in the report, and the installer's log (`--logs DIR`). Then apply a corrected bundle.",
)
BROKEN = Rule(
    id="upgrade/broken",
    title="The upgrade failed and the host could not be rolled back in full",
    severity=Severity.CRITICAL,
    rationale="A part of the host is neither old nor new. The host tries again by itself, every minute.",
    remedy="Remove what stops it, such as a full disk or a stopped database. `harden upgrade status` shows when the host is rolled back.",
)
LOST = Rule(
    id="upgrade/lost",
    title="An upgrade ended on the host and left it in an unknown state",
    severity=Severity.CRITICAL,
    rationale="Its journal or its copies were deleted while it ran, so it can neither be finished nor rolled back.",
    remedy="Restore the host from your own backup, or check it by hand. Then delete the file that the message names.",
)
UNFINISHED = Rule(
    id="upgrade/unfinished",
    title="An upgrade is under way on the host",
    severity=Severity.MEDIUM,
    rationale="If the host hears nothing from the control machine until its time limit is over, it rolls back by itself.",
    remedy="Run the same `harden upgrade apply` again, or `harden upgrade rollback`.",
)
LEFT = Rule(
    id="upgrade/left-behind",
    title="The installer changed a file that is not restored",
    severity=Severity.LOW,
    rationale="The file is outside the paths that the recipe declares, so it has no backup.",
    remedy="Look at the file. Add its path to `paths` in the recipe, so that the next run makes a backup.",
)
AUDITED = Rule(
    id="upgrade/host-audit",
    title="The audit of the host's files found a problem before or after the upgrade",
    severity=Severity.HIGH,
    rationale="Only the files of the host show what an installer removed, left or added.",
    remedy="Name the components to remove in `components_absent`, close files that hold secrets (`chmod 0640`), or accept a finding with `--waivers FILE`.",
)
PENDING = Rule(
    id="upgrade/restart-pending",
    title="A service still runs the program from before the upgrade",
    severity=Severity.LOW,
    rationale="The recipe leaves this restart to you. Until then the old program answers.",
    remedy="Restart the service when the site allows it. Then run `harden upgrade verify`.",
)
UNTOUCHED = Rule(
    id="upgrade/untouched",
    title="The host was not touched",
    severity=Severity.INFO,
    rationale="The run stopped before this host.",
    remedy="Fix the host that failed, as its message says. Then run the command again.",
)


def rules() -> tuple[Rule, ...]:
    """Return every rule the upgrade can say."""
    return (
        FIT,
        PRODUCT,
        PLACEHOLDER,
        OLDER,
        REFUSED,
        DONE,
        ROLLED_BACK,
        BROKEN,
        LOST,
        UNFINISHED,
        LEFT,
        AUDITED,
        PENDING,
        UNTOUCHED,
    )
