"""Whether the portal is built where the API looks for it. Must never read more of it than that."""

from clearpost.checks.finding import Finding, ok, warn
from mailcore.settings import Settings


def check(settings: Settings) -> list[Finding]:
    folder = settings.portal_folder
    if (folder / "index.html").is_file():
        return [ok("portal", f"is in {folder}")]
    mend = "python3 bootstrap.py portal, or set CLEARPOST_PORTAL_DIR to where it was built"
    return [warn("portal", f"not in {folder}: whoever signs in sees a page that says so", mend)]
