"""What Jotform knows of us."""

from raiox.common.logs import mask
from raiox.golive.line import Line, Plan, fail, ok
from webhooks.client import client_from_settings
from webhooks.connecting import webhook_address
from webhooks.errors import JotformError
from webhooks.models import JotformForm


def webhooks_registered(plan: Plan) -> Line:
    """Each form that we know sends its submissions to the address that answers here."""
    forms = list(JotformForm.objects.order_by("form_id"))
    if not forms:
        return fail("no form is connected", "Run manage.py connect_jotform FORM_ID.")
    try:
        client = client_from_settings()
        registered = {form.form_id: client.list_webhooks(form.form_id).values() for form in forms}
    except JotformError as error:
        return fail(str(error), "Is JOTFORM_API_KEY right, and are the forms of its account?")
    lacking = [form_id for form_id, urls in registered.items() if webhook_address() not in urls]
    if lacking:
        seen = f"{mask(webhook_address())} is not registered at {', '.join(lacking)}"
        return fail(seen, "Run manage.py connect_jotform FORM_ID; is PUBLIC_URL right?")
    return ok(f"registered at {', '.join(registered)}")
