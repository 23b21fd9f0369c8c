"""Start the stand-in: `python -m tests.sandbox --help`."""

import argparse
from pathlib import Path

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from tests.sandbox import config, server

EXAMPLE = (
    "example: python -m tests.sandbox --port 8001 --data var/sandbox --samples var/samples "
    "--product-url http://127.0.0.1:8000 --api-key-file var/sandbox/key"
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", epilog=EXAMPLE)
    parser.add_argument("--port", type=int, default=8001, help="0 picks a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of its own state")
    parser.add_argument("--samples", type=Path, required=True, help="radiographs to pick from")
    parser.add_argument("--product-url", default="http://127.0.0.1:8000")
    parser.add_argument("--api-key-file", type=Path, required=True, help="created if missing")
    parser.add_argument("--webhook-url", help="registered on the form at the start")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    server.stop_on_signals()
    listener, other = _bind(arguments.port), server.bind(0)
    config.configure(
        config.Options(
            data=arguments.data.resolve(),
            samples=arguments.samples.resolve(),
            product_url=arguments.product_url.rstrip("/"),
            api_key=config.read_or_create_key(arguments.api_key_file),
            origin=listener.origin,
            other_origin=other.origin,
        )
    )
    call_command("migrate", verbosity=0, interactive=False)
    _prepare(arguments.webhook_url)
    server.serve(listener, other, get_wsgi_application())


def _bind(port: int) -> server.Server:
    try:
        return server.bind(port)
    except OSError as error:
        raise SystemExit(f"cannot listen on {server.HOST}:{port}: {error}") from error


def _prepare(webhook_url: str | None) -> None:
    # Models can be imported only once Django is configured.
    from tests.sandbox import forms, outbound

    form = forms.standard_form()
    if webhook_url:
        forms.register_at_start(form, webhook_url)
    outbound.give_up_interrupted()


if __name__ == "__main__":
    main()
