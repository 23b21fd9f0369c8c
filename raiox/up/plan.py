"""What `manage.py up` runs, for the mode that the settings are in."""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from raiox import metric_files
from raiox.settings.environment import local_secret
from raiox.up.child import Program
from raiox.up.demo_users import LOGINS_FILE

# Long enough for requests and jobs under way, short enough for somebody who waits at a terminal.
_WEB_STOP_SECONDS = 4
_WORKER_STOP_SECONDS = 5
# Jobs can wait for a processor, Jotform and people can't: a busy worker slowed each answer down.
_WORKER_NICENESS = 10


@dataclass(frozen=True)
class Plan:
    """The programs of one start, and the addresses at which they answer."""

    host: str
    port: int

    @property
    def var(self) -> Path:
        """The folder of all that is made at run time; it names the installation."""
        return Path(settings.VAR_DIR).resolve()

    @property
    def logins(self) -> Path:
        """The file with the demo users' passwords."""
        return self.var / LOGINS_FILE

    @property
    def is_local(self) -> bool:
        """Demo data, demo people and the sandbox exist in local mode only."""
        return settings.RAIOX_ENV == "local"

    @property
    def has_sandbox(self) -> bool:
        """With a key of their own, people talk to the real Jotform instead."""
        return self.is_local and not settings.JOTFORM_API_KEY

    @property
    def ports(self) -> list[int]:
        """The ports that must be free."""
        return [self.port, self.port + 1] if self.has_sandbox else [self.port]

    @property
    def url(self) -> str:
        """Where the web process answers on this machine."""
        return f"http://{self.host}:{self.port}"

    @property
    def public_url(self) -> str:
        """Where people reach the service."""
        return settings.PUBLIC_URL if "PUBLIC_URL" in os.environ else self.url

    @property
    def sandbox_url(self) -> str:
        """Where the stand-in for Jotform answers."""
        return f"http://{self.host}:{self.port + 1}"

    def prepare(self) -> Program:
        """Everything that must be true before the service starts, the checks first."""
        return self._quiet("prepare", _manage("prepare"))

    def web(self) -> Program:
        """The web process; the rest is in gunicorn.conf.py."""
        command = [sys.executable, "-m", "gunicorn", "raiox.wsgi:application"]
        command += ["--bind", f"{self.host}:{self.port}"]
        command += ["--graceful-timeout", str(_WEB_STOP_SECONDS - 1)]
        return self._product("web", command, self._log("web"), _WEB_STOP_SECONDS)

    def early_web(self, ear: int) -> Program:
        """`web`, loaded at once; it opens its port when the gate of `ear` is open."""
        web = self.web()
        command = [sys.executable, "-m", "raiox.up.early", str(ear), *web.command[2:]]
        return replace(web, command=command, descriptors=(ear,))

    def worker(self) -> Program:
        """The worker: lets running jobs end before it stops."""
        patience = str(_WORKER_STOP_SECONDS - 1)
        command = ["nice", "-n", str(_WORKER_NICENESS)]
        command += _manage("procrastinate", "worker", "--shutdown-graceful-timeout", patience)
        return self._product("worker", command, self._log("worker"), _WORKER_STOP_SECONDS)

    def sandbox(self) -> Program:
        """The stand-in for Jotform, which knows nothing of the product but two addresses."""
        folder = self._sandbox_folder
        webhook = f"{self.url}/webhook/{settings.WEBHOOK_TOKENS[0]}"
        command = [sys.executable, "-m", "tests.sandbox", "--port", str(self.port + 1)]
        command += ["--data", str(folder), "--samples", str(folder / "samples")]
        command += ["--api-key-file", str(self._api_key_file())]
        command += ["--product-url", self.url, "--webhook-url", webhook]
        log = self._log("sandbox")
        return Program("sandbox", command, settings.BASE_DIR, log=log, stop_seconds=2)

    def demo_cases(self) -> Program:
        """A few cases for the first look, sent through sandbox, web and worker."""
        return self._quiet("demo cases", _manage("seed_demo_cases"))

    def _quiet(self, name: str, command: list[str]) -> Program:
        """A command that talks to the person at the terminal: no log lines between its own."""
        told = {"LOG_LEVEL": "WARNING"} | self._environment()
        return Program(name, command, settings.BASE_DIR, told)

    def _product(
        self, name: str, command: list[str], log: Path | None = None, stop_seconds: float = 3
    ) -> Program:
        told = self._environment() | {metric_files.VARIABLE: str(settings.METRICS_DIR)}
        return Program(name, command, settings.BASE_DIR, told, log, stop_seconds)

    @property
    def _sandbox_folder(self) -> Path:
        return self.var / "sandbox"

    def _environment(self) -> dict[str, str]:
        """What the product's processes are told beyond what the operator set."""
        told = {"PUBLIC_URL": self.public_url}
        if self.has_sandbox:
            told["JOTFORM_API_URL"] = self.sandbox_url
            told["DOWNLOAD_EXTRA_ORIGINS"] = self.sandbox_url
            told["JOTFORM_API_KEY_FILE"] = str(self._api_key_file())
        return told

    def _api_key_file(self) -> Path:
        """The key both sides read: made here, since either may start first."""
        local_secret(self._sandbox_folder, "api-key")
        return self._sandbox_folder / "api-key"

    def _log(self, name: str) -> Path | None:
        """A file for a person at a terminal; on a server our own output, for its log service."""
        return self.var / "log" / f"{name}.log" if self.is_local else None


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
