"""What went wrong, as a client is told: problem documents (RFC 9457) of errors."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from headworks.errors import LONGEST_EXCERPT, Unavailable, excerpt
from headworks.http_api import Problem, bad_request, unavailable
from headworks.ledger.catalogue import InvalidCursor
from headworks.operations.replays import ReplayConflict
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headworks.telemetry import Log

_SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """Tells errors: to the client what it can do, to the log what happened."""

    log: Log

    def tell(self, error: Exception, event: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request that ended in an error."""
        problem = to_problem(error)
        ours = problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        cause = problem.__cause__ or error if ours else _fit_for_a_log(error)
        self.log(Action.REFUSED, error=cause, status=int(problem.status), **_asked_for(event))
        return problem.to_response().to_event()


def _asked_for(event: Mapping[str, Any]) -> dict[str, str]:
    """What the log may know of a request: neither its headers nor its query string, which may hold secrets."""
    method = str(event.get("requestContext", {}).get("http", {}).get("method", ""))
    return {"method": method, "path": str(event.get("rawPath", ""))[:LONGEST_EXCERPT]}


def to_problem(error: Exception) -> Problem:
    """An error as a client is told of it: what was wrong, or that it isn't the client's fault."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _broken_rules(error, quoted=True)
        case InvalidCursor():
            return bad_request(f"{error}.")
        case ReplayConflict():
            return Problem(HTTPStatus.CONFLICT, f"{error}.")
        case Unavailable():
            return unavailable("What is asked for can't be reached now. Ask again.")
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here.")


def _fit_for_a_log(error: Exception) -> Exception:
    """The error without what stood in a body or a query string."""
    return (
        _broken_rules(error, quoted=False) if isinstance(error, RequestValidationError) else to_problem(error)
    )


def _broken_rules(error: RequestValidationError, *, quoted: bool) -> Problem:
    return bad_request(" ".join(_sentence(each, quoted=quoted) for each in error.errors()[:3]))


def _sentence(found: Mapping[str, Any], *, quoted: bool) -> str:
    """One broken rule: where, what stood there (where it may be `quoted`), and the rule."""
    place, *path = [str(part) for part in found["loc"]]
    rule = str(found["msg"]).removeprefix("Value error, ")
    value = found.get("input")
    stood = f" {excerpt(value)}" if quoted and isinstance(value, _SCALARS) else ""
    # A query string is read as one object, whose name is nobody's business.
    path = path[1:] if path[:1] == [place] else path
    where = f"{'.'.join(path)} in the {place}" if path else f"The {place}"
    return f"{where}:{stood} {rule[:1].lower()}{rule[1:]}."
