"""Where nobody watches a terminal, the screen is plain lines."""

import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from infra.local.screen import Screen
from infra.local.timeline import Line, Tone
from infra.local.workspace import Workspace

NOON = datetime(2026, 11, 24, 12, 0, 0, 500_000, tzinfo=UTC).astimezone()


@pytest.fixture
def shown():
    return io.StringIO()


@pytest.fixture
def screen(shown, tmp_path):
    return Screen(Console(file=shown, width=40), Workspace(tmp_path))


def a_line(text="delivered", **fields):
    return Line(
        at=NOON, text=text, tone=Tone.GOOD, message_id="msg_0123456789", elapsed_seconds=1.234, **fields
    )


def test_a_line_tells_time_message_and_age(screen, shown):
    screen.line(a_line())

    assert shown.getvalue() == f"{NOON:%H:%M:%S}.500  456789    +1.23 s  delivered\n"


def test_a_line_stays_one_line_without_markup_however_narrow_the_terminal(screen, shown):
    screen.line(a_line("[bold]" + "x" * 200))

    assert shown.getvalue().count("\n") == 1
    assert "[bold]xxx" in shown.getvalue()


def test_the_first_effect_is_remarked_on_once(screen, shown):
    screen.line(a_line(is_effect=True))
    screen.line(a_line(is_effect=True))

    assert shown.getvalue().count("The first event was processed") == 1


def test_a_step_tells_how_long_it_took(screen, shown):
    with screen.step("Deploying"):
        pass

    assert re.fullmatch(r"Deploying: \d+\.\d s\n", shown.getvalue())


def test_a_step_that_fails_is_not_told_as_done(screen, shown):
    with pytest.raises(RuntimeError), screen.step("Deploying"):
        raise RuntimeError

    assert shown.getvalue() == ""
