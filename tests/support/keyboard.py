"""A person without a mouse: goes from one thing to the next by Tab, and sees where they are."""

from playwright.async_api import Locator, Page, expect

_MOST = 60  # presses: further is lost


async def tab_to(page: Page, there: Locator) -> None:
    """Presses Tab until `there` has the focus, and is seen to have it. Raises AssertionError when it is not
    reached.
    """
    await expect(there).to_be_visible()
    for _ in range(_MOST):
        if await there.evaluate("(node) => node === document.activeElement"):
            assert await there.evaluate("(node) => node.matches(':focus-visible')"), "focus cannot be seen"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {there}")


async def press(page: Page, there: Locator, key: str = "Enter") -> None:
    """Goes there, and presses it."""
    await tab_to(page, there)
    await page.keyboard.press(key)
