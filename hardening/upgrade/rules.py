"""What an upgrade can say of a host."""

from __future__ import annotations

from hardening.findings import Rule, Severity

FIT = Rule(
    id="upgrade/preflight-failed",
    title="A host is not fit for the upgrade",
    severity=Severity.HIGH,
    rationale="What the upgrade needs is not there: room, a service, a tool, a finished transaction, a right clock.",
    remedy="Put right what is named, or leave the host out with --limit or --skip-failed-preflight; nothing on it was touched.",
)
PRODUCT = Rule(
    id="upgrade/product",
    title="The bundle is for another product, or does not say which",
    severity=Severity.CRITICAL,
    rationale="What is signed for one product may run on every host, and break each of them.",
    remedy="Take the bundle of this product, or name the recipe it is for with --recipe; sign again if the signature names no product: `harden bundle sign BUNDLE --key KEY --product NAME --release RELEASE`.",
)
PLACEHOLDER = Rule(
    id="upgrade/placeholder",
    title="The bundle holds a placeholder that nothing fills in",
    severity=Severity.CRITICAL,
    rationale="A program that starts with @secret:name@ instead of its password cannot log in.",
    remedy="Fill it in on the hosts with the role credentials (credentials_list, credentials_places and credentials_secrets in the inventory), and name the same list here: `harden upgrade apply BUNDLE --secrets secrets.json`, as `harden bundle clean --secrets` wrote it.",
)
OLDER = Rule(
    id="upgrade/older",
    title="The bundle is older than what a host has installed, or of another product",
    severity=Severity.CRITICAL,
    rationale="An old release is signed too, and brings its weaknesses back.",
    remedy="Install a newer release of the installed product. To install this one on purpose: --force-older REASON, which is kept on the host.",
)
REFUSED = Rule(
    id="upgrade/refused",
    title="A host refuses the bundle by its own trusted keys",
    severity=Severity.CRITICAL,
    rationale="No key that the host trusts signed what the control machine sent. Nothing was changed there.",
    remedy="Have the bundle signed by a key of the host; after a change of keys, put the new ones into its trust folder.",
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
    remedy="Read why, and the installer's log; then apply a corrected bundle.",
)
BROKEN = Rule(
    id="upgrade/broken",
    title="The upgrade failed and the host could not be rolled back in full",
    severity=Severity.CRITICAL,
    rationale="Something of the host is neither old nor new; the host keeps trying.",
    remedy="Free what stops it (a full disk, a database that is down); `harden upgrade status` shows whether it is back.",
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
    title="The installer touched something that is not restored",
    severity=Severity.LOW,
    rationale="It lies outside the declared paths, so no copy of it was made; it was found by comparing the tree.",
    remedy="Look at what is named; declare the path in the recipe, so that the next run keeps a copy.",
)
AUDITED = Rule(
    id="upgrade/host-audit",
    title="The audit of the host's files, before the upgrade and after it",
    severity=Severity.HIGH,
    rationale="What an upgrade was to take away, and what its installer brings beside the bundle, shows on the host alone.",
    remedy="Name removed components in components_absent, close files that hold secrets, or waive what is accepted (--waivers).",
)
PENDING = Rule(
    id="upgrade/restart-pending",
    title="A service still runs what was there before the upgrade",
    severity=Severity.LOW,
    rationale="Its restart is left to a person; until then the old program answers.",
    remedy="Restart the service when the site allows it, then `harden upgrade verify`.",
)
UNTOUCHED = Rule(
    id="upgrade/untouched",
    title="The host was not touched",
    severity=Severity.INFO,
    rationale="The run ended before its turn.",
    remedy="Run again once the reason is gone.",
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
