"""Claims of release notes as checks: what a vendor says of a release, for a bundle, hosts, endpoints and logs.

claims   the file with the claims, and the kinds
look     what a bundle, a host, an endpoint or a log shows
judge    claims and what was seen into one answer for each claim and subject
report   answers as a `Run`, and as text
annex    answers as an annex for technical documentation
"""
