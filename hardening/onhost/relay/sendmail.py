"""The verb `sendmail`: do what /usr/sbin/sendmail would do."""

import re
import smtplib
import sys

from hardening.onhost.relay.message import addresses, header, split_mail
from hardening.onhost.relay.settings import host_port


class Options(object):
    """The arguments of sendmail, read. `code` is the exit code if no mail is to be read, else None."""

    def __init__(self, arguments, mailbox):
        self.sender, self.recipients, self.code = mailbox, [], None
        self.from_headers, self.dots = False, True  # dots: a line with one dot ends the mail
        rest = list(arguments)
        while rest and self.code is None:
            one = rest.pop(0)
            if one == "--":
                self.recipients, rest = self.recipients + rest, []
            elif one.startswith("-"):
                self.read(one[1:], rest)
            else:
                self.recipients.append(one)

    def read(self, flags, rest):
        """Read the letters of one argument: -ti is -t -i, and -fX is -f X."""
        while flags and self.code is None:
            flag, flags = flags[0], flags[1:]
            if flag in "ABCDFLMNORVXbefhopr":
                value, flags = flags or (rest.pop(0) if rest else ""), ""
                self.sender = value if flag in "fr" else self.sender
                self.dots = self.dots and (flag, value) != ("o", "i")
                if flag == "b" and value != "m":
                    text = "sendmail: -b%s is not done here; relay status says how the queue is\n"
                    sys.stderr.write(text % value)
                    self.code = 64
            elif flag == "q":
                self.code = 0  # the relay tries again by itself
            elif flag == "d":
                flags = ""
            else:
                self.dots = self.dots and flag != "i"
                self.from_headers = self.from_headers or flag == "t"


def read_mail(dots):
    """Return the mail on standard input."""
    stream = getattr(sys.stdin, "buffer", sys.stdin)
    lines = []
    for line in iter(stream.readline, b""):
        if dots and line in (b".\n", b".\r\n"):
            break
        lines.append(line)
    return b"".join(lines)


def sendmail(config, arguments):
    """Take what sendmail takes, hand it to the relay; return an exit code of sysexits.h: 75 says try again."""
    options = Options(arguments, config["mailbox"])
    if options.code is not None:
        return options.code
    raw, recipients = read_mail(options.dots), options.recipients
    if options.from_headers:
        headers, _ = split_mail(raw)
        for name in ("to", "cc", "bcc"):
            recipients += addresses(header(headers, name))
    named = addresses(", ".join(recipients))
    recipients = sorted(set(named), key=named.index) or list(config["recipients"])
    sender = options.sender.strip("<>") or config["mailbox"]
    raw = re.sub(b"\r?\n", b"\r\n", raw)
    host, port = host_port(config["listen"], 25)
    try:
        session = smtplib.SMTP(host, port, timeout=60)
        refused = hand_over(session, sender, recipients, raw)
        session.quit()
    except smtplib.SMTPRecipientsRefused:
        sys.stderr.write("sendmail: no recipient is on the relay's list\n")
        return 67
    except smtplib.SMTPResponseException as problem:
        sys.stderr.write("sendmail: the relay answered %d\n" % problem.smtp_code)
        return 69 if problem.smtp_code >= 500 else 75
    except (OSError, IOError, smtplib.SMTPException):
        sys.stderr.write("sendmail: the relay does not answer on %s\n" % config["listen"])
        return 75
    except ValueError:  # an address outside ASCII
        sys.stderr.write("sendmail: a sender or recipient is not written in ASCII\n")
        return 65
    if refused:
        sys.stderr.write(
            "sendmail: not on the relay's list: %s; the others have it\n" % ", ".join(sorted(refused))
        )
        return 67
    return 0


def hand_over(session, sender, recipients, raw):
    """Hand a mail to the relay, to as many recipients at once as it takes; return those it refuses for good."""
    refused, waiting = set(), recipients
    while waiting:
        left = session.sendmail(sender, waiting, raw)
        waiting = [one for one in waiting if one in left and left[one][0] == 452]
        refused.update(set(left) - set(waiting))
    return refused
