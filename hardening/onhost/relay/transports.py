"""The transports by the names that settings use."""

from hardening.onhost.relay.graph import deliver_graph
from hardening.onhost.relay.smtp_out import deliver_smtp

TRANSPORTS = {"graph": deliver_graph, "smtp": deliver_smtp}
