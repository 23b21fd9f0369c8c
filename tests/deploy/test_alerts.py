"""The alert rules: each one fires when it should, and only then, as Prometheus' own tool tells."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.tools import path
from tests.sandbox.process import ROOT

WATCH = ROOT / "deploy" / "watch"
RULES = yaml.safe_load((WATCH / "alerts.yml").read_text())
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule
}
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Series under which an alert fires at a time, and others under which it does not.

    Values in promtool's notation, one each `step`: `0+1x30` begins at 0 and grows by 1.
    """

    fires: Series
    quiet: Series
    says: str
    at: str = "20m"
    labels: Mapping[str, str] = field(default_factory=dict)
    step: str = "1m"


def probe(module: str, value: str, name: str = "probe_success") -> Series:
    place = f'{name}{{job="probe", module="{module}", instance="https://raiox.example/{module}"}}'
    return {place: value}


def asked(route: str, status: str, value: str, route_2: str = "", value_2: str = "0x40") -> Series:
    """Requests to one route, and to another one that are answered well."""
    name = 'raiox_http_requests_total{job="raiox", instance="a", method="POST"'
    first = {f'{name}, route="{route}", status="{status}"}}': value}
    second = {f'{name}, route="{route_2}", status="200"}}': value_2} if route_2 else {}
    return {**first, **second}


def stage(name: str, le: str, above: str) -> Series:
    """One search a second: all of them between the bounds `le` and `above`."""
    return {
        f'raiox_stage_seconds_bucket{{job="raiox", stage="{name}", le="{bound}"}}': values
        for bound, values in ((le, "0x90"), (above, "0+60x90"), ("+Inf", "0+60x90"))
    }


def states(name: str, **by_state: str) -> Series:
    """Two servers tell the same figures of one database."""
    return {
        f'{name}{{job="raiox", instance="{server}", state="{state}"}}': values
        for server in "ab"
        for state, values in by_state.items()
    }


def gauge(name: str, value: str, **labels: str) -> Series:
    told = ", ".join(f'{key}="{text}"' for key, text in {"job": "raiox", **labels}.items())
    return {f"{name}{{{told}}}": value}


def parts(**by_part: str) -> Series:
    return {
        key: told
        for part, values in by_part.items()
        for key, told in gauge("raiox_part_up", values, part=part).items()
    }


def catalogue(**by_what: str) -> Series:
    return {
        key: told
        for what, values in by_what.items()
        for key, told in gauge("raiox_catalogue", values, what=what).items()
    }


def disk(free: str) -> Series:
    place = '{job="machine", instance="db:9100", mountpoint="/", fstype="ext4", device="/dev/vda1"}'
    return {f"node_filesystem_avail_bytes{place}": free, f"node_filesystem_size_bytes{place}": "100x99"}  # fmt: skip  # noqa: E501


def memory(free: str) -> Series:
    place = '{job="machine", instance="db:9100"}'
    return {f"node_memory_MemAvailable_bytes{place}": free, f"node_memory_MemTotal_bytes{place}": "100x99"}  # fmt: skip  # noqa: E501


def clock(synced: str) -> Series:
    place = '{job="machine", instance="db:9100"}'
    return {f"node_timex_sync_status{place}": synced, f"node_timex_offset_seconds{place}": "0x99"}


def finished(unit: str, at: str) -> Series:
    place = f'{{job="machine", instance="app:9100", unit="{unit}"}}'
    return {f"raiox_finished_timestamp_seconds{place}": at}


def all_finished(but: str = "") -> Series:
    units = {"raiox-backup-database", "raiox-backup-objects", "raiox-verify-backup"} - {but}
    return {key: value for unit in units for key, value in finished(unit, "0x250").items()}


def probed(module: str) -> dict[str, str]:
    return {"job": "probe", "module": module, "instance": f"https://raiox.example/{module}"}


def targets(but: str = "", **up: str) -> Series:
    """All that is watched answers but what is named in `up`; `but`: a job whose list is empty."""
    told = {
        key: value
        for job in {"raiox", "machine", "watch"} - {but}
        for key, value in gauge("up", up.get(job, "1x30"), job=job, instance=f"of-{job}").items()
    }
    probes = {} if but == "probe" else gauge("up", up.get("probe", "1x30"), **probed("alive"))
    return told | probes


def undelivered(value: str, integration: str = "telegram", **labels: str) -> Series:
    """What Alertmanager could not tell."""
    labels = {"job": "watch", "instance": "watch", "integration": integration, **labels}
    return gauge("alertmanager_notifications_failed_total", value, **labels)


RAIOX = {"job": "raiox"}
MACHINE = {"job": "machine", "instance": "db:9100"}


CASES = {
    "servico-fora-do-ar": Case(
        probe("alive", "0x20"), probe("alive", "1x10 0 1x20"),
        "O serviço não responde em https://raiox.example/alive há mais de 2 minutos.", "15m",
        probed("alive"),
    ),
    "saude-com-falha": Case(
        probe("health", "0x20"), {**probe("health", "1x20"), **probe("alive", "0x20")},
        "Uma parte do serviço está com falha: veja https://raiox.example/health.", "10m",
        probed("health"),
    ),
    "encoder-indisponivel": Case(
        probe("encoder", "0x20"), {**probe("encoder", "1x20"), **probe("health", "0x20")},
        "O encoder não responde: os casos chegam sem sugestões.", "10m", probed("encoder"),
    ),
    "certificado-vence": Case(
        probe("alive", "1123200x90", "probe_ssl_earliest_cert_expiry"),  # after 13 days
        probe("alive", "1296000x90", "probe_ssl_earliest_cert_expiry"),  # after 15 days
        "O certificado vence em 12d 22h 40m 0s e não foi renovado.", "80m",
    ),
    "metricas-fora-do-ar": Case(
        gauge("up", "0x30", instance="a"), gauge("up", "1x8 0 0 1x20", instance="a"),
        "a não entrega as métricas: os outros alertas podem faltar.",
        labels={**RAIOX, "instance": "a"},
    ),
    "banco-de-dados-fora-do-ar": Case(
        parts(database="0x30", queue="1x30"), parts(database="1x30", queue="0x30"),
        "O banco de dados não responde ao serviço.",
    ),
    "numeros-ilegiveis": Case(
        parts(database="1x30", queue="0x30"), parts(database="0x30", queue="1x30", cache="0x30"),
        "O banco demora demais para contar: queue.", labels={"part": "queue"},
    ),
    "redis-fora-do-ar": Case(
        parts(database="1x30", cache="0x30"), parts(queue="0x30", cache="1x30"),
        "O Redis não responde: nada se perde, mas nenhum limite é contado.",
    ),
    "erros-do-servidor": Case(
        asked("case", "500", "0+5x40", "ping", "0+95x40"),
        # Of a thousand a minute one; and of few, fewer than three.
        asked("case", "500", "0+1x40", "ping", "0+999x40"),
        "5% das respostas são erros do servidor (5xx).",
    ),
    "webhook-com-erro": Case(
        asked("webhook-token", "500", "0x15 1x20"),
        {**asked("webhook-token", "500", "1x40"), **asked("case", "500", "0x15 1x20")},
        "Entregas do Jotform receberam erro do servidor nos últimos 10 minutos.",
    ),
    "webhook-recusado": Case(
        asked("webhook-token", "401", "0+2x40"), asked("webhook-token", "401", "0+1x40"),
        "30 entregas ao webhook foram recusadas em 15 minutos (4xx).",
    ),
    "webhook-nao-processado": Case(
        states("raiox_webhooks", failed="2x40", ignored="0x40"),
        states("raiox_webhooks", failed="0x40", ignored="2x40"),
        "2 entregas do Jotform foram guardadas e não viraram caso.",
    ),
    "fila-parada": Case(
        gauge("raiox_jobs_oldest_seconds", "0+60x40"), gauge("raiox_jobs_oldest_seconds", "200x40"),
        "O trabalho mais antigo da fila espera há 20m 0s.",
    ),
    "sem-worker": Case(
        gauge("raiox_workers", "0x30"), gauge("raiox_workers", "1x18 0 1x9"),
        "Nenhum worker está vivo: os casos chegam e não são analisados.",
    ),
    "caso-sem-analise": Case(
        states("raiox_cases", analyzing="3x60", pending="0x60"),
        states("raiox_cases", analyzing="0x60", received="0x60", pending="3x60"),
        "Há 30 minutos ou mais existem casos sem análise (3 agora).", "40m",
    ),
    "entregas-falhando": Case(
        states("raiox_deliveries", failed="7x70 8x20"),
        states("raiox_deliveries", failed="7x90"),
        "Na última hora, respostas não puderam ser escritas no Jotform.", "80m",
    ),
    "entregas-repetidas": Case(
        states("raiox_deliveries", retrying="7x40 12x20"),
        states("raiox_deliveries", retrying="7x40 11x20"),
        "5 tentativas de entrega ao Jotform falharam em 30 minutos e serão repetidas.", "50m",
    ),
    "etapa-lenta": Case(
        stage("encode", "1", "2"), stage("encode", "0.2", "0.5"),
        "A etapa encode demora: p95 de 1.95s.", "60m", {"stage": "encode"},
    ),
    "catalogo-vazio": Case(
        catalogue(searchable="0x30", demo_implants="0x30"),
        catalogue(searchable="1x30", demo_implants="0x30"),
        "Nenhuma referência do catálogo pode ser encontrada pelo encoder ativo.",
    ),
    "catalogo-de-demonstracao": Case(
        catalogue(searchable="9x30", demo_implants="4x30"),
        catalogue(searchable="9x30", demo_implants="0x30"),
        "O catálogo contém 4 implantes de demonstração.",
    ),
    "maquina-fora-do-ar": Case(
        gauge("up", "0x30", **MACHINE),
        {**gauge("up", "1x30", **MACHINE), **gauge("up", "0x30", instance="a")},
        "A máquina db:9100 não responde há 5 minutos.", labels=MACHINE,
    ),
    "disco-cheio": Case(
        disk("9x40"), disk("11x40"), "Só 9% do disco / de db:9100 está livre.",
        labels={**MACHINE, "mountpoint": "/", "fstype": "ext4", "device": "/dev/vda1"},
    ),
    "memoria-no-fim": Case(
        memory("4x40"), memory("6x40"), "Só 4% da memória de db:9100 está livre.", labels=MACHINE,
    ),
    "relogio-sem-sincronia": Case(
        clock("0x60"), clock("1x60"), "O relógio de db:9100 não está sincronizado.", "50m", MACHINE,
    ),
    "backup-vencido": Case(
        finished("raiox-backup-database", "0x250"),
        finished("raiox-backup-database", "7200x250") | finished("raiox-verify-backup", "0x250"),
        "raiox-backup-database: o último backup bom tem 1d 3h 0m 0s.", "27h",
        {"unit": "raiox-backup-database"}, "1h",
    ),
    "backup-nao-verificado": Case(
        finished("raiox-verify-backup", "0x250"),
        finished("raiox-verify-backup", "0x100 360000x150"),
        "Nenhum backup foi restaurado e comparado há 8d 12h 0m 0s.", "204h",
        {"unit": "raiox-verify-backup"}, "1h",
    ),
    "backup-nunca-feito": Case(
        all_finished(but="raiox-backup-objects"), all_finished(),
        "raiox-backup-objects nunca terminou bem desde que é vigiado.", "204h",
        {"unit": "raiox-backup-objects"}, "1h",
    ),
    "vigilancia-cega": Case(
        targets(probe="0x30"), targets(raiox="0x30", machine="0x30"),
        "A vigilância está cega: probe https://raiox.example/alive não responde ou não está na"
        " lista.",
        labels=probed("alive"),
    ),
    "avisos-nao-entregues": Case(
        # Alertmanager 0.26 and newer count reasons apart.
        undelivered("0x15 1 2x20", reason="clientError") | undelivered("0x40", reason="other"),
        undelivered("0 1 2x60") | undelivered("0+1x60", integration="email"),
        "Avisos não chegaram ao Telegram nos últimos 20 minutos.", "30m", {"instance": "watch"},
    ),
}  # fmt: skip


def check(
    folder: Path, tests: list[dict[str, Any]], step: str = "1m"
) -> subprocess.CompletedProcess[str]:
    """promtool's verdict on unit tests of the rules, which are judged once each `step`."""
    file, rules = folder / "test.yml", [str(WATCH / "alerts.yml")]
    told = {"rule_files": rules, "evaluation_interval": step, "tests": tests}
    file.write_text(yaml.safe_dump(told))
    command = [path("promtool"), "test", "rules", str(file)]
    return subprocess.run(command, capture_output=True, text=True)


def unit_test(
    name: str, series: Series, at: str, expected: list[dict[str, Any]], step: str = "1m"
) -> dict[str, Any]:
    return {
        "interval": step,
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "alert_rule_test": [{"alertname": name, "eval_time": at, "exp_alerts": expected}],
    }


def fired(name: str, case: Case) -> dict[str, Any]:
    rule = ALERTS[name]
    annotations = {"summary": case.says, "runbook": rule["annotations"]["runbook"]}
    return {"exp_labels": {**rule["labels"], **case.labels}, "exp_annotations": annotations}


def test_each_alert_has_a_case() -> None:
    assert set(CASES) == set(ALERTS) - {"vigia"}


@pytest.mark.parametrize("name", CASES)
def test_alert_fires_and_keeps_quiet(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    tests = [
        unit_test(name, case.fires, case.at, [fired(name, case)], case.step),
        unit_test(name, case.quiet, case.at, [], case.step),
    ]
    if lasts := ALERTS[name].get("for"):  # what passes by itself is not told
        tests.append(unit_test(name, case.fires, _half(lasts), [], case.step))
    done = check(tmp_path, tests, case.step)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("job", "labels"),
    [
        ("probe", {"job": "probe", "module": "alive"}),
        ("raiox", {"job": "raiox"}),
        ("machine", {"job": "machine"}),
    ],
)
def test_an_empty_list_of_targets_is_told(job: str, labels: dict[str, str], tmp_path: Path) -> None:
    says = f"A vigilância está cega: {job}  não responde ou não está na lista."
    case = Case({}, {}, says, labels=labels)
    told = unit_test("vigilancia-cega", targets(but=job), "20m", [fired("vigilancia-cega", case)])
    done = check(tmp_path, [told])
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_exporter_of_the_watch_that_is_dead_is_told(tmp_path: Path) -> None:
    labels = {"job": "watch", "instance": "of-watch"}
    says = "A vigilância está cega: watch of-watch não responde ou não está na lista."
    case = Case({}, {}, says, labels=labels)
    series = targets(watch="0x30")
    done = check(
        tmp_path,
        [unit_test("vigilancia-cega", series, "20m", [fired("vigilancia-cega", case)])],
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _half(duration: str) -> str:
    seconds = int(duration[:-1]) * {"m": 60, "h": 3600, "d": 86400}[duration[-1]]
    return f"{seconds // 2}s"


def test_vigia_is_always_there(tmp_path: Path) -> None:
    says = ALERTS["vigia"]["annotations"]["summary"]
    done = check(tmp_path, [unit_test("vigia", {}, "0m", [fired("vigia", Case({}, {}, says))])])
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_says_how_urgent_it_is_and_where_to_read_on() -> None:
    for name, rule in ALERTS.items():
        assert rule["labels"] == {"severity": rule["labels"]["severity"]}
        assert rule["labels"]["severity"] in ("urgente", "aviso")
        assert rule["annotations"]["runbook"] == f"deploy/OPERACAO.md#alerta-{name}"
        assert re.fullmatch(r"[a-z-]+", name)
