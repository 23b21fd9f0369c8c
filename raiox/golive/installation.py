"""Settings, tables, accounts and processes of this installation."""

from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.checks import CheckMessage, run_checks
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django_redis import get_redis_connection

from raiox import job_queue
from raiox.golive.line import Line, Plan, fail, ok, warn
from raiox.login import second_factor as factor

_SHOWN: Final = 3


def mode(plan: Plan) -> Line:
    """The settings are those of the place that goes live, and no page shows its variables."""
    seen = f"RAIOX_ENV {settings.RAIOX_ENV}, DEBUG {'on' if settings.DEBUG else 'off'}"
    if plan.mode != settings.RAIOX_ENV:
        return fail(seen, f"Set RAIOX_ENV={plan.mode}, for the service and for this command.")
    if settings.DEBUG:
        return fail(seen, "Turn DEBUG off: its pages show variables to everybody.")
    return ok(seen)


def system_checks(plan: Plan) -> Line:
    """`manage.py check --deploy` has nothing to say."""
    messages = [
        found for found in run_checks(include_deployment_checks=True) if not found.is_silenced()
    ]
    if not messages:
        return ok("nothing to complain about")
    seen = f"{len(messages)}: {', '.join(_id(found) for found in messages[:_SHOWN])}"
    seen += " …" if len(messages) > _SHOWN else ""
    todo = "Run manage.py check --deploy: it says how to put each right."
    is_serious = any(found.is_serious() for found in messages)
    return fail(seen, todo) if is_serious else warn(seen, todo)


def _id(found: CheckMessage) -> str:
    return found.id or str(found.msg)


def migrations(plan: Plan) -> Line:
    """The tables are those of the installed version."""
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        names = ", ".join(f"{step.app_label}.{step.name}" for step, _ in pending[:_SHOWN])
        return fail(f"{len(pending)} missing: {names}", "Back up, then run manage.py migrate.")
    return ok(f"{len(executor.loader.graph.leaf_nodes())} applications at their last one")


def second_factor(plan: Plan) -> Line:
    """Who may do everything needs more than a password."""
    if settings.REQUIRE_SECOND_FACTOR == "off":
        return fail("not required of anybody", "Set REQUIRE_SECOND_FACTOR=superusers.")
    people = User.objects.filter(is_superuser=True, is_active=True).order_by("username")
    lacking = [user.username for user in people if not factor.is_enrolled(user)]
    if lacking:
        todo = "They log in and enrol in the admin's preferences; close accounts that nobody uses."
        return fail(f"superusers without one: {', '.join(lacking)}", todo)
    if not people:
        return warn("there is no superuser", "Run manage.py createsuperuser.")
    return ok(f"{len(people)} superusers, each with one")


def workers(plan: Plan) -> Line:
    """Somebody takes jobs."""
    alive = job_queue.living_workers()
    if not alive:
        return fail("none is alive", "Run systemctl start raiox-worker@1, and look into its log.")
    return ok(f"{alive} alive")


def redis(plan: Plan) -> Line:
    """Several web processes count requests together."""
    if not settings.REDIS_URL:
        if settings.WEB_PROCESSES > 1:
            seen = f"{settings.WEB_PROCESSES} web processes without REDIS_URL"
            return fail(seen, "Set REDIS_URL, or serve with one process and more threads.")
        return ok("not needed: one web process")
    try:
        get_redis_connection("default").ping()  # the cache itself never says that it is away
        cache.set("golive_check", "written", 60)
        is_there = cache.get("golive_check") == "written"
    except Exception as error:  # whichever way it fails, nothing would be counted
        seen = f"it does not answer: {type(error).__name__}"
        return fail(seen, "Is Redis running, and REDIS_URL right?")
    if not is_there:
        return fail("it forgets at once", "Look at its maxmemory and its log.")
    return ok("it answers")
