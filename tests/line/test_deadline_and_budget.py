from __future__ import annotations

from lineproof.core.budget import RestartBudget
from lineproof.line.deadline import Deadline


def test_a_deadline_runs_from_the_grab_and_keeps_time_for_sending():
    deadline = Deadline.after(grabbed_ns=1_000_000_000, deadline_ms=100, reserve_ms=5)
    assert deadline.left_s(1_000_000_000) == 0.095
    assert not deadline.passed(1_094_999_999)
    assert deadline.passed(1_095_000_000)
    assert deadline.left_s(2_000_000_000) == 0
    assert deadline.due_ns == 1_100_000_000


def test_a_budget_forgets_old_restarts_and_once_spent_stays_spent():
    now_s = 0.0
    budget = RestartBudget(2, 10, lambda: int(now_s * 1e9))
    assert budget.take()
    assert budget.take()
    now_s = 10.1
    assert budget.take()  # the first two lie outside the window
    now_s = 10.2
    assert budget.take()
    assert not budget.take()
    now_s = 1000
    assert not budget.take()
    assert budget.spent
    assert str(budget) == "2 restarts in 10 s"


def test_a_budget_of_nothing_is_spent_at_once():
    assert not RestartBudget(0, 10).take()
