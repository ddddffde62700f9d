"""Notifications as the mail program of whoever gets one reads them: by the standard library's parser."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(frozen=True, slots=True)
class Report:
    """A DSN (RFC 3464) about one recipient. `words`: its text for people."""

    final_recipient: str
    action: str
    status: str
    words: str
    auto_submitted: str

    @classmethod
    def read(cls, content: bytes) -> "Report":
        message = message_from_bytes(content, policy=policy.default)
        assert message.get_content_type() == "multipart/report", content.decode()
        text, fields = list(message.iter_parts())[:2]
        assert isinstance(text, EmailMessage)
        blocks = fields.get_payload()
        assert isinstance(blocks, list)
        about = blocks[1]
        assert isinstance(about, EmailMessage)
        return cls(
            about["Final-Recipient"].partition(";")[2].strip(),
            about["Action"],
            about["Status"],
            text.get_content(),
            message["Auto-Submitted"],
        )
