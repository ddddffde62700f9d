"""A device that holds passkeys and says yes by itself: chromium's virtual authenticator."""

from typing import Any

from playwright.async_api import CDPSession, Page

_OPTIONS: dict[str, Any] = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def plug_in(page: Page) -> CDPSession:
    """For this page, whatever it shows; its keys are gone with it."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": _OPTIONS})
    return session
