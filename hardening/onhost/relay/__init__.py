"""A mail relay for a host with programs that speak plain SMTP or call sendmail. Standard library, Python 2.6 to 3.14.

It accepts mail on loopback, answers 250 only when the mail is safe on disk, and delivers by Microsoft Graph or by
SMTP with OAuth2, whichever works. It keeps the service's limits across restarts, sends urgent mail first, joins a
backlog into digests that name every alarm, and raises an alarm in another way while mail does not work.

    relay.pyz serve CONFIG           run (the systemd unit and the SysV script start this)
                                     --transport-tls auto|python|openssl|curl: who speaks TLS
    relay.pyz status CONFIG          0 delivering, 1 something waits,
                                     2 mail is broken or refused, or the relay does not run
    relay.pyz sendmail CONFIG -t ... do what /usr/sbin/sendmail would do
    relay.pyz certificate CONFIG     make the certificate of the settings on this host, print it for upload
    relay.pyz renew CONFIG           make a new certificate, register it by the old one's signature, put it in use

A delivery is a batch of one mail or of many. Its record is on disk before the first try, says `uncertain` while a
try runs, and is renamed when the service has accepted. So a crash costs one duplicate at most, and that one has the
header X-Possible-Duplicate. Nothing here prints or logs a secret or a token.

A recipient whom the service refuses for now waits alone: the others have the mail, and the mail's file names who does
not. A recipient with whom the whole mail is refused is found by trying half of them at a time.

Read it in the order in which a mail passes:

    main, settings                   the command line; the settings and their defaults
    sendmail, serve, status          the verbs (certificate and renew are in `certificate`)
    smtp_in, refusals                the SMTP server on loopback; who may send to whom, and what was refused
    message, compat                  headers; names that moved between Python 2 and 3
    spool, notes, files              the queue on disk, its notes, files that survive a crash
    delivery, turns, recipients      which batch is next, and what follows from an answer
    limits                           the service's limits
    outgoing                         the mail as it leaves: one mail or a digest
    transports, graph, smtp_out      one mail to the service
    tokens, credentials, certificate access tokens; signed requests; the host's own certificate and its renewal
    answers, problems                what an answer of the service means
    dialing, https                   connections through a proxy; HTTPS requests
    tls, openssl, curl               who speaks TLS; the host's own programs for a Python that cannot
    certificate_names                the names in a certificate
    alarms, snmp, status_file        alarms by other ways than mail; the status file

Python 2.6 has no TLS client that checks names. There the host's own `openssl s_client` (both transports) or `curl`
(Graph alone) speaks TLS 1.2, where it can; where neither can, the relay refuses to start and names the way out.
"""
