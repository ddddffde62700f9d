"""What customers meet: their log and domains, the API, signing in, plans.

Only fields; how they are read is told in the package. Must never decide anything.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from mailcore.settings.kinds import Names


class Offering(BaseSettings):
    """What customers meet: their log and domains, the API, signing in, plans."""

    # The log
    log_retention: timedelta = Field(
        timedelta(days=7), description="The policy: reads stop here exactly, counted from receipt"
    )
    refused_per_hour: int = Field(
        100, description="Refusals logged per domain and hour, then one row that counts"
    )

    # The warrant canary
    canary_signers: Path | None = Field(
        None,
        description="allowed_signers file (ssh-keygen) with the public keys of the three people who sign it; "
        "none: no canary is published here",
    )

    # Domains
    domain_claim_window: timedelta = Field(
        timedelta(hours=72), description="A newer, unverified domain gets 451, an older one 550"
    )
    domain_recheck: timedelta = Field(
        timedelta(hours=6), description="How often verified domains are looked at again"
    )
    domain_recheck_failing: timedelta = Field(
        timedelta(minutes=10), description="The same for those whose records are wrong since"
    )
    domain_recheck_watched: timedelta = Field(
        timedelta(seconds=4), description="The same for those that somebody has asked about within 10 minutes"
    )
    domain_off_after: timedelta = Field(
        timedelta(days=7),
        description="Records wrong this long, owner told twice and no authenticated mail: switched off",
    )

    # How often the API may be asked, counted in Redis; without Redis nothing is counted
    api_rate_key: int = Field(600, ge=1, description="Requests a minute of one key, app or person, then 429")
    api_rate_account: int = Field(1200, ge=1, description="The same of all of one account together")
    api_rate_failures: int = Field(
        30,
        ge=1,
        description="Requests a minute without a valid key from one IPv4 address or IPv6 /64, then 429",
    )

    # Signing in
    sign_up: Literal["", "open", "invitation", "closed"] = Field(
        "",
        description="Who gets an account by signing in: open (everybody), invitation, closed (those made by "
        "`clearpost account create`); empty: open in the local stack, closed in production",
    )
    providers: Names = Field(
        {},
        description="OpenID Connect issuers to sign in with: google=https://accounts.google.com,... "
        "(github=https://github.com means GitHub)",
    )
    provider_clients: Names = Field({}, description="Our client id at each of them: name=client id,...")
    provider_secrets: SecretStr = Field(
        SecretStr(""), description="And our client secret: name=secret,... (none may hold a comma)"
    )
    session_lasts: timedelta = Field(
        timedelta(days=30), description="A browser signs in again after this long at the latest"
    )
    session_idle: timedelta = Field(timedelta(days=14), description="The same where it was not used")

    # Plans for money. Without a key nothing is sold here: `clearpost account plan` sets plans
    stripe_secret_key: SecretStr = Field(
        SecretStr(""), description="Stripe's secret or restricted key (sk_..., rk_...); empty: billing is off"
    )
    stripe_webhook_secrets: SecretStr = Field(
        SecretStr(""),
        description="Signing secrets of our webhook endpoint: whsec_...,... (two while one is rotated)",
    )
    stripe_prices: Names = Field(
        {},
        description="What is sold at which price: premium/month=price_...,premium/year=price_...,...; "
        "behind the price that sells, old ones that some still pay: premium/month=price_new|price_old",
    )
    stripe_tax: bool = Field(False, description="Whether Stripe Tax computes and adds taxes")
    stripe_api_url: str = Field(
        "", description="Stripe's API at another address: a stand-in's, for tests; empty is Stripe"
    )

    # Live events and test messages
    event_streams: int = Field(500, ge=1, description="Open streams of GET /v1/events in one API process")
    event_streams_per_account: int = Field(20, ge=1, description="Of those, the same account's")
    test_message_mx: str = Field(
        "", description="host:port of an mx that takes test messages from the API; empty: this machine's"
    )
