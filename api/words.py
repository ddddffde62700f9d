"""Figures as people read them, for pages made on the server: bytes, money, spans of time.

Must never round a limit or a price to what is not true.
"""

from typing import Final

_SIGNS: Final = {"usd": "$", "eur": "€", "gbp": "£"}
# Of these a unit is the smallest there is (ISO 4217; https://docs.stripe.com/currencies, zero-decimal).
_WHOLE: Final = frozenset(
    (
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    )
)
_SPANS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


def number(value: int) -> str:
    """15,000"""
    return f"{value:,}"


def megabytes(value: int) -> str:
    """10 MB, by 1,024 as limits are meant."""
    return f"{value / (1 << 20):g} MB"


def money(amount: int, currency: str) -> str:
    """`amount` in the smallest unit of the currency, as Stripe has it: 900 of usd are $9."""
    whole = currency in _WHOLE
    units = f"{amount:,}" if whole else f"{amount / 100:,.2f}".removesuffix(".00")
    sign = _SIGNS.get(currency)
    return f"{sign}{units}" if sign else f"{units} {currency.upper()}"


def span(seconds: float) -> str:
    """0.2 s, 40 s, 4 min, 3 h: what was counted, in its largest whole unit."""
    for length, unit in _SPANS:
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
