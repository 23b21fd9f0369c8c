"""`GET /metrics`, for Prometheus: what all processes count, and what the database says."""

import ipaddress
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry
from prometheus_client.core import InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from raiox import metric_files
from raiox.common import measures
from raiox.common.client_address import hops
from raiox.gauges import Database
from raiox.metric_files import AllProcesses


class _Build(Collector):
    def collect(self) -> Iterator[Metric]:
        facts = {"version": settings.RAIOX_VERSION}
        yield InfoMetricFamily("raiox_build", "The version that runs.", facts)


class _Counted(Collector):
    def collect(self) -> Iterable[Metric]:
        folder = metric_files.folder()
        # Without a folder (a development server) this process is all there is to see.
        return AllProcesses(folder).collect() if folder else measures.REGISTRY.collect()


_REGISTRY = CollectorRegistry()
for _part in (_Build(), _Counted(), Database()):
    _REGISTRY.register(_part)


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures; for everybody outside `METRICS_NETWORKS` there is nothing here."""
    if not is_internal(request):
        raise Http404
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_REGISTRY), content_type=content_type)


def is_internal(request: HttpRequest) -> bool:
    """Whether everybody on the way of this request, as far as it is told, is inside.

    A proxy in front writes down whom it speaks for; that one must be inside too, whether or not we
    know the proxy. What a client claims can only add to the list.
    """
    if "Forwarded" in request.headers:
        return False
    told = [*hops(request), *request.headers.get("X-Real-IP", "").split()]
    return bool(told) and all(map(_is_inside, told))


def _is_inside(hop: str) -> bool:
    try:
        address = ipaddress.ip_address(hop)
    except ValueError:
        return False
    inside = [*settings.METRICS_NETWORKS, *settings.TRUSTED_PROXIES]
    return any(address in ipaddress.ip_network(entry) for entry in inside)
