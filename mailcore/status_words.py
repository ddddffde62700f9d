"""What an enhanced status code means, in one plain sentence (RFC 3463 and the registry of RFC 5248).

For senders, owners and our own pages. Must never name a destination, a host, or what a server said.
"""

import re

_CODE = re.compile(r"([245])\.(\d{1,3}\.\d{1,3})", re.ASCII)

_BY_DETAIL = {
    "1.0": "There is a problem with the address.",
    "1.1": "The mailbox behind this address does not exist.",
    "1.2": "The domain behind this address does not exist or takes no mail.",
    "1.3": "The address is not written in a valid way.",
    "1.4": "The address is ambiguous: it could mean more than one mailbox.",
    "1.6": "The mailbox behind this address has moved and left no new address.",
    "1.7": "The sender's address is not valid.",
    "1.8": "The sender's domain does not exist or cannot be reached.",
    "1.10": "The domain behind this address says that it takes no mail at all.",
    "2.0": "There is a problem with the mailbox behind this address.",
    "2.1": "The mailbox behind this address is switched off.",
    "2.2": "The mailbox behind this address is full.",
    "2.3": "The message is larger than the mailbox behind this address takes.",
    "2.4": "A mailing list behind this address could not be expanded.",
    "3.0": "The receiving mail system has a problem.",
    "3.1": "The receiving mail system is out of storage.",
    "3.2": "The receiving mail system is not taking messages.",
    "3.3": "The receiving mail system lacks a feature that the message needs.",
    "3.4": "The message is too large for the receiving mail system.",
    "3.5": "The receiving mail system is not set up correctly.",
    "4.0": "The receiving mail system could not be reached.",
    "4.1": "The receiving mail system did not answer.",
    "4.2": "The connection to the receiving mail system broke.",
    "4.3": "A directory that the delivery depends on, such as DNS, did not answer.",
    "4.4": "No way to the receiving mail system could be found.",
    "4.5": "The receiving mail system is overloaded.",
    "4.6": "The message went around in a loop.",
    "4.7": "The message could not be delivered in the time allowed.",
    "5.0": "The mail systems did not understand each other.",
    "5.1": "The receiving mail system did not accept a command.",
    "5.2": "The receiving mail system did not understand a command, or the message breaks a rule.",
    "5.3": "The message has too many recipients for one transfer.",
    "5.4": "The receiving mail system did not accept an option of a command.",
    "6.0": "There is a problem with the content of the message.",
    "6.1": "The receiving mail system does not take this kind of content.",
    "6.2": "The content would have to be converted, which is not allowed.",
    "6.3": "The content would have to be converted, which the receiving mail system cannot do.",
    "6.5": "The content could not be converted.",
    "6.6": "The content of the message is not available.",
    "6.7": "The receiving mail system does not take addresses beyond ASCII.",
    "6.8": "An answer beyond ASCII was needed, and the mail system asking does not take it.",
    "6.9": "The receiving mail system does not take header fields beyond ASCII.",
    "7.0": "The receiving mail system refused the message for a security reason.",
    "7.1": "The receiving mail system refused the message by its policy, often because it looks like spam.",
    "7.2": "The sender may not write to the mailing list behind this address.",
    "7.3": "The receiving mail system needs a conversion between security mechanisms that is not possible.",
    "7.4": "The receiving mail system lacks a security feature that the message needs.",
    "7.5": "A cryptographic check failed at the receiving mail system.",
    "7.7": "The receiving mail system found that the message was changed on its way.",
    "7.8": "The receiving mail system did not accept the credentials.",
    "7.9": "The receiving mail system did not accept the authentication.",
    "7.10": "The receiving mail system asks for an encrypted connection.",
    "7.13": "The account behind this address is switched off.",
    "7.17": "The mailbox behind this address has changed its owner.",
    "7.18": "The domain behind this address has changed its owner.",
    "7.20": "No valid DKIM signature was found on the message.",
    "7.21": "No acceptable DKIM signature was found on the message.",
    "7.22": "The DKIM signature on the message is not the author's.",
    "7.23": "The SPF check of the sender's domain failed.",
    "7.24": "The SPF check of the sender's domain could not be completed.",
    "7.25": "The sending server has no valid reverse DNS name.",
    "7.26": "The message failed several checks of who sent it.",
    "7.27": "The sender's domain says that it takes no mail, so mail from it is refused.",
    "7.28": "The receiving mail system refuses what it takes for a flood of mail.",
    "7.29": "The ARC chain of the message is not valid.",
    "7.30": "The receiving mail system cannot keep the security that the message asks for.",
}

_BY_CLASS = {
    "2": "The message was delivered.",
    "4": "The receiving mail system could not take the message for the moment.",
    "5": "The receiving mail system refused the message for good.",
}


def registered(status: str) -> str:
    """The code where we know it, else the general one of its subject ("5.7.0"), else of its class ("5.0.0").

    What is shown to a sender must be a code of everybody's: three free numbers have room for half an address.
    """
    code = _CODE.fullmatch(status)
    if code is None:
        return "5.0.0"
    general = code[2].partition(".")[0] + ".0"
    return f"{code[1]}.{next((known for known in (code[2], general) if known in _BY_DETAIL), '0.0')}"


def plain_words(status: str) -> str:
    """One sentence for "5.1.1". Unknown codes are told by their class; what is no code, as a refusal."""
    code = _CODE.fullmatch(status)
    if code is None:
        return _BY_CLASS["5"]
    if code[1] == "2":
        return _BY_CLASS["2"]
    return _BY_DETAIL.get(code[2], _BY_CLASS[code[1]])
