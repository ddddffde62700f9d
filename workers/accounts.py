"""What becomes of accounts by itself: what deleted ones left behind, and invitations that are over.

Must never touch what an account still needs.
"""

from mailcore import account_claims, account_deletion, invitations
from mailcore.runtime import Runtime


async def purge_deleted(runtime: Runtime) -> None:
    """Logs, counts and traces of accounts that are gone."""
    await account_deletion.purge(runtime.database, runtime.clock.now(), runtime.settings.log_retention)


async def settle_claims(runtime: Runtime) -> None:
    await account_claims.settle(runtime.database, runtime.clock)


async def forget_invitations(runtime: Runtime) -> None:
    async with runtime.database.transaction() as tx:
        await invitations.forget(tx, runtime.clock)
