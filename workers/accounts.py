"""What becomes of accounts by itself: what deleted ones left behind, and invitations that are over.

Must never touch what an account still needs.
"""

from customers import account_claims, account_deletion, invitations
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.log_key_files import LogKeyFiles
from mailcore.runtime import Runtime
from workers.each import each_quietly, in_session


async def purge_deleted(runtime: Runtime) -> None:
    """Keys, logs, counts and traces of accounts that are gone."""
    keys = LogKeyFiles(runtime.settings.key_dir)
    now, retention = runtime.clock.now(), runtime.settings.log_retention
    await account_deletion.purge(runtime.database, keys, now, retention)


async def settle_claims(database: Database, clock: Clock) -> None:
    """Ends the claims on accounts whose owners are there, then grants those that are due."""
    heard = await account_claims.heard(database)
    await each_quietly("account claims", heard, in_session(database, clock, account_claims.end_heard))
    due = await account_claims.due(database, clock.now())
    await each_quietly("account claims", due, in_session(database, clock, account_claims.grant))


async def forget_invitations(runtime: Runtime) -> None:
    async with runtime.database.transaction() as tx:
        await invitations.forget(tx, runtime.clock)
