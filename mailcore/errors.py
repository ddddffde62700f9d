"""Business errors with a stable code word, for whoever asked over the API or the command line.

Must never carry an internal detail or somebody else's data: the text is shown as it stands.
"""


class BusinessError(Exception):
    """Something the caller can mend. `code` is stable and machine-readable, `detail` says what to do."""

    code = "invalid"
    status = 422

    def __init__(self, detail: str, *, code: str | None = None, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.extra = extra


class NotFound(BusinessError):
    """The thing does not exist, or is somebody else's: the same answer for both."""

    code = "not_found"
    status = 404


class Gone(BusinessError):
    """It cannot be there any more, whoever asks."""

    code = "gone_by_policy"
    status = 410


class Conflict(BusinessError):
    code = "conflict"
    status = 409


class LimitReached(BusinessError):
    """A plan's limit; `limit` and `plan` are told so that the caller can choose a larger one."""

    code = "limit_reached"
    status = 403


class Unauthorized(BusinessError):
    code = "unauthorized"
    status = 401


class Invalid(BusinessError):
    code = "invalid"
    status = 422


class Forbidden(BusinessError):
    """The caller is known but may not do this; the text says what is missing."""

    code = "forbidden"
    status = 403


class TooMany(BusinessError):
    """Too often. `retry_after`: seconds to wait, told in Retry-After as well."""

    code = "rate_limited"
    status = 429
