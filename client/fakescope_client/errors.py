"""What can go wrong, as one family. Every error carries what is known, pickles, and never holds a key.

    DashScopeError
    ├── AuthenticationError       the key is wrong, of another region, or may not do this
    ├── InvalidParameterError     the request is wrong; sending it again changes nothing
    │   └── ModelNotFoundError    no such model in this region
    ├── ThrottledError            too fast, or no capacity right now
    ├── QuotaExhaustedError       no free quota, no money, nothing bought
    ├── ContentRefusedError       content inspection said no
    ├── TaskFailedError           the task ended FAILED or CANCELED; also the fitting one of the kinds above
    ├── TaskUnknownError          the task has expired, belongs to another account, or never was
    ├── TaskTimeoutError          the task goes on, but we stopped waiting
    └── TransportError            no answer that can be used: connection, gateway, broken body
        └── AmbiguousSubmissionError   nobody knows whether there is a task now

Source: Model Studio error codes, https://help.aliyun.com/zh/model-studio/error-code, and logs of the live service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakescope_client.model import Task


class DashScopeError(Exception):
    """The vendor refused, a task failed, or nothing usable came back.

    `code` and `message` are the vendor's words (empty if there were none), `http_status` is 0 if no answer came,
    `retry_after_s` is what the server asked for. `retryable`: later the same call may do better, and nobody pays twice.
    """

    retryable = False
    code = request_id = task_id = ""
    http_status = 0
    retry_after_s: float | None = None

    def __init__(self, message: str, **about: object) -> None:
        super().__init__(message)
        self.message = message
        vars(self).update(about)

    def __str__(self) -> str:
        known = {"HTTP": self.http_status, "task": self.task_id, "request": self.request_id}
        details = ", ".join(f"{what} {value}" for what, value in known.items() if value)
        return f"{self.code}: {self.message}".removeprefix(": ") + (f" ({details})" if details else "")


class AuthenticationError(DashScopeError):
    """The key is wrong, belongs to another region, or may not use this model or workspace."""


class InvalidParameterError(DashScopeError):
    """The request is wrong, or cannot be done as asked."""


class ModelNotFoundError(InvalidParameterError):
    """No such model, or not in this region."""


class ThrottledError(DashScopeError):
    """Over the rate, or no capacity at the moment: nothing was started and nothing is charged."""

    retryable = True


class QuotaExhaustedError(DashScopeError):
    """The free quota is used up, the account is in arrears, or the service is not bought."""


class ContentRefusedError(DashScopeError):
    """Input or output did not pass content inspection."""


class TaskFailedError(DashScopeError):
    """The task ended FAILED or CANCELED; `task` is how it stands."""

    task: Task | None = None


class TaskParameterError(TaskFailedError, InvalidParameterError):
    """The task failed because the request was wrong: video endpoints say so in the task, not at submission."""


class TaskContentError(TaskFailedError, ContentRefusedError):
    """The task failed because content inspection said no."""


class TaskUnknownError(DashScopeError):
    """The task is older than 24 hours, of another account, or never was; the vendor does not tell which."""


class TaskTimeoutError(DashScopeError):
    """We stopped waiting; the task goes on, and waiting again costs nothing.

    `task_ids` are all that go on, `tasks` their last known states, of those that were ever seen.
    """

    retryable = True
    task_ids: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()


class TransportError(DashScopeError):
    """No usable answer: no connection, a failing server or gateway, a body that is broken or cut off.

    `unsent` if the request certainly never left: then even a submission may be repeated.
    """

    retryable = True
    unsent = False


class AmbiguousSubmissionError(TransportError):
    """The answer to a submission was lost, and the list of tasks did not settle whether there is a task.

    `candidates` are the tasks that may be it. Submitting again may pay twice, so this is not retryable.
    """

    retryable = False
    candidates: tuple[Task, ...] = ()


_QUOTA: tuple[str, ...] = ("Arrearage", "AllocationQuota", "Throttling.AllocationQuota", "CommodityNotPurchased")
_QUOTA += ("PrepaidBillOverdue", "PostpaidBillOverdue", "AccessDenied.Unpurchased")
_CONTENT = ("DataInspectionFailed", "IPInfringementSuspect", "CustomRoleBlocked", "FaqRuleBlocked")
_NO_MODEL = ("ModelNotFound", "model_not_found", "Model.NotExist")
_NO_CAPACITY = ("Throttling", "ModelServingError", "ModelUnavailable")  # 503: refused for want of capacity


def kind_of(http_status: int, code: str, message: str) -> type[DashScopeError]:
    """Which error a refusal is. Codes count before the status: one code comes with 403 here and with 429 there."""
    if code.startswith(_QUOTA):
        return QuotaExhaustedError
    if code.startswith(_NO_CAPACITY) or http_status == 429:
        return ThrottledError
    if code in _CONTENT or "inappropriate content" in message or message.startswith("Green net check"):
        return ContentRefusedError
    if code in _NO_MODEL or message.startswith("Model not exist"):
        return ModelNotFoundError
    if "synchronous calls" in message:  # AccessDenied, but of the endpoint and not of the key
        return InvalidParameterError
    if http_status in (401, 403) or code == "InvalidApiKey":
        return AuthenticationError
    return InvalidParameterError if 400 <= http_status < 500 and http_status != 408 else TransportError


def failure_of(code: str, message: str) -> type[TaskFailedError]:
    """Which error a FAILED task is."""
    kind = kind_of(500 if code.startswith("Internal") else 400, code, message)
    if kind is ContentRefusedError:
        return TaskContentError
    return TaskParameterError if issubclass(kind, InvalidParameterError) and code[:7] == "Invalid" else TaskFailedError
