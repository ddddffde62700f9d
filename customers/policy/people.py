"""The tables of customers: what they enter, who they are, how they ask, what was done. Never of mail."""

from typing import Final

from customers.policy.lines import Row

_DELETED: Final = "deleted by its owner, or with the account"
SETTINGS: Final = (
    Row(
        "account",
        "a customer",
        "the account is deleted",
        tells={
            "name": "as its people call it",
            "verification_token": "what proves its domains in DNS",
            "suspended_note": "what its owners were told, where we stopped its mail",
        },
        words="plan suspended_for",
        numbers="id policy_told_at exported_at suspended_at surplus_pauses_at surplus_told created_at",
        is_setting=True,
    ),
    Row(
        "domain",
        "a name whose mail is forwarded",
        _DELETED,
        tells={"name": "the domain", "found": "what its DNS said"},
        words="log_level",
        numbers="id account_id plus_addressing created_at verified_at checked_at check_asked_at "
        "next_check_at mx_at displaced_at contested_at failing_since told_failing_at mail_seen_at off_at "
        "paused_at strict_dmarc require_tls spam_threshold",
        is_setting=True,
    ),
    Row(
        "alias",
        "an address of a domain",
        _DELETED,
        tells={"local_part": "what stands before the @", "note": "in its owner's words"},
        numbers="id number account_id domain_id enabled paused_at created_at",
        is_setting=True,
    ),
    Row(
        "destination",
        "a real inbox",
        _DELETED,
        tells={"address": "of the inbox"},
        numbers="id account_id delivered_before confirmed_at asked_at ask_after stopped_at failing_since "
        "told_failing_at created_at",
        is_setting=True,
    ),
    Row(
        "alias_destination",
        "which alias goes to which inbox",
        _DELETED,
        numbers="alias_id destination_id",
        is_setting=True,
    ),
    Row(
        "suppression",
        "an inbox that asked to be left alone by all of us",
        "it stays: to forget it would be to write again",
        tells={"address_hash": "a keyed hash of its address"},
        numbers="created_at",
    ),
)
PEOPLE: Final = (
    Row(
        "person",
        "somebody who signs in",
        "they delete themselves, or their last account is deleted",
        tells={"email": "their address", "name": "as they call themselves"},
        numbers="id staff_since created_at",
        is_setting=True,
    ),
    Row(
        "membership",
        "who belongs to which account, and as what",
        "they leave, or the account is deleted",
        words="role",
        numbers="id account_id person_id created_at",
        is_setting=True,
    ),
    Row(
        "identity",
        "whom a sign-in provider vouched for",
        "the person goes",
        tells={"issuer": "the provider", "subject": "its id of the person"},
        numbers="id person_id created_at last_used_at",
    ),
    Row(
        "passkey",
        "a key in somebody's device",
        "removed, or the person goes",
        tells={
            "credential_id": "the key's id",
            "public_key": "its public half",
            "name": "as its owner calls it",
        },
        words="transports",
        numbers="id person_id sign_count created_at last_used_at",
    ),
    Row(
        "passkey_challenge",
        "a sign-in by passkey under way",
        "an hour",
        tells={"browser_hash": "a keyed hash of that browser's cookie", "challenge": "what it must sign"},
        words="purpose",
        numbers="id person_id expires_at",
    ),
    Row(
        "sign_in_link",
        "a link sent by mail",
        "a day after it ended, or with the person",
        tells={"email": "whom it was sent to", "browser_hash": "a keyed hash of the browser that asked"},
        words="purpose",
        numbers="id person_id expires_at used_at created_at",
        is_setting=True,
    ),
    Row(
        "browser_session",
        "a browser that is signed in",
        "signed out, ended, or the person goes",
        tells={
            "device": 'a word such as "Firefox on Linux", never an IP',
            "secret_hash": "a keyed hash of its cookie",
        },
        words="method",
        numbers="id person_id account_id staff created_at last_seen_at expires_at",
    ),
    Row(
        "invitation",
        "somebody invited into an account",
        "accepted, withdrawn, or 7 days",
        tells={
            "email": "who is invited",
            "invited_by": "by whom, in words",
            "invited_by_id": "and as an id",
        },
        words="role",
        numbers="id account_id expires_at accepted_at created_at",
        is_setting=True,
    ),
    Row(
        "account_claim",
        "which admin asks to own the account",
        "7 days, or an owner is heard",
        numbers="id account_id person_id due_at created_at",
    ),
    Row(
        "deleted_account",
        "an account that is gone, so that nothing of it stays",
        "a day after the log's 7 days",
        tells={"customer_id": "the customer at Stripe, until that is deleted too, within minutes"},
        numbers="id at",
    ),
    Row(
        "letter",
        "mail of ours that is not written yet",
        "it is accepted by our own delivery path, about a second",
        tells={"to_address": "whom it goes to", "about": "names and settings that it is about"},
        words="kind",
        numbers="id account_id created_at due_at",
        is_setting=True,
    ),
)
ASKING: Final = (
    Row(
        "api_key",
        "a key to the API",
        "the account is deleted",
        tells={
            "name": "as its owner calls it",
            "prefix": "how it begins",
            "secret_hash": "a keyed hash of it",
        },
        words="scopes",
        numbers="id account_id domain_ids rolled_to expires_at created_at last_used_at revoked_at",
        is_setting=True,
    ),
    Row(
        "oauth_app",
        "a third party's app",
        "the app is deleted",
        tells={
            "name": "of the app",
            "homepage": "its page",
            "redirect_uris": "where it may be answered",
            "client_id": "its public id",
            "secret_hash": "a keyed hash of its secret",
        },
        words="scopes",
        numbers="id account_id created_at",
        is_setting=True,
    ),
    Row(
        "oauth_grant",
        "who let which app act",
        "withdrawn or ended, or the person leaves",
        words="scopes",
        numbers="id app_id account_id person_id created_at expires_at last_used_at revoked_at",
    ),
    Row(
        "oauth_code",
        "an app being let in",
        "used or ended",
        tells={
            "code_hash": "a keyed hash of the code",
            "redirect_uri": "where the app is answered",
            "code_challenge": "what proves the app (PKCE)",
        },
        numbers="id grant_id expires_at used_at",
    ),
    Row(
        "oauth_token",
        "what an app asks with",
        "used, withdrawn or ended",
        tells={"token_hash": "a keyed hash of it"},
        words="kind scopes",
        numbers="id grant_id expires_at used_at created_at",
    ),
    Row(
        "idempotent_answer",
        "what a POST answered, for when it is sent again",
        "24 hours",
        tells={
            "answer": "sealed under the caller's own key",
            "key_hash": "a keyed hash of that key",
            "request_hash": "of what was asked",
        },
        numbers="owner_id status created_at",
    ),
)
MONEY: Final = (
    Row(
        "subscription",
        "what Stripe said last; cards and postal addresses stay there",
        "the account is deleted",
        tells={
            "customer_id": "the customer at Stripe",
            "subscription_id": "the subscription there",
            "price_id": "its price there",
        },
        words="status plan interval currency next_plan next_interval",
        numbers="account_id amount_monthly odd_price disputed refunded_at cancel_at period_end trial_end "
        "past_due_since told_past_due dirty_at fetch_at tries fetched_at created_at",
    ),
    Row(
        "stripe_event",
        "that an event of Stripe's came",
        "30 days",
        tells={"customer_id": "the customer there", "dispute_id": "a dispute there"},
        words="id type",
        numbers="fetch_at created_at received_at",
    ),
    Row(
        "usage_letter",
        "which account was told of its quota on which day",
        "30 days",
        numbers="account_id day percent",
    ),
    Row(
        "usage_day",
        "deliveries, refusals and bytes, by account and day",
        "the account is deleted",
        numbers="account_id day forwarded refused bytes refused_by_plan",
    ),
)
DONE: Final = (
    Row(
        "audit_event",
        "who changed what in an account",
        "30 days",
        tells={
            "actor": "address of a person, name of a key or an app",
            "subject": "name of what was changed: a domain, alias, inbox, person, key or app; of a look by "
            "our staff how the reason begins that let them",
            "detail": "new values of settings; of a look by our staff the ids of the messages they saw",
        },
        words="actor_kind action request_id",
        numbers="id account_id at actor_id subject_id",
        is_setting=True,
    ),
    Row(
        "request_log",
        "a request to the API, without query and body; no IP",
        "7 days",
        tells={"path": "which resource, by its ids"},
        words="actor_kind method request_id",
        numbers="id account_id at actor_id status duration_ms",
    ),
    Row(
        "change",
        "what open pages are told of: ids and words",
        "a day",
        tells={"data": "small facts, such as a state or a plan"},
        words="kind",
        numbers="id xid account_id at subject_id",
    ),
    Row(
        "support_grant",
        "that a customer let staff look at their log",
        "30 days after it ended",
        tells={
            "opened_by": "who, as the audit log names them",
            "opened_by_id": "and as an id",
            "reason": "in their words",
        },
        numbers="id account_id domain_ids opened_at expires_at revoked_at",
        is_setting=True,
    ),
)
