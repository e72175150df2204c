"""The transports by the names that settings use."""

from .graph import deliver_graph
from .smtp_out import deliver_smtp

TRANSPORTS = {"graph": deliver_graph, "smtp": deliver_smtp}
