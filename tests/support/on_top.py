"""What we put on top of forwarded mail: these fields in this order, and nothing else."""

import re

_FIELD = rb": [^\r\n]+\r\n(?:[ \t][^\r\n]+\r\n)*"
_SEAL = (b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results")
_BELOW = (b"Clearpost-Loop", b"Authentication-Results", b"Received")

# A chain that is there already may forbid a seal.
OURS = re.compile(
    b"(?:" + b"".join(name + _FIELD for name in _SEAL) + b")?" + b"".join(name + _FIELD for name in _BELOW)
)
