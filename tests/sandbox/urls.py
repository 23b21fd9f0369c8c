"""Pages, file host, API and control routes. Jotform spreads them over several hosts."""

from django.urls import path, re_path

from tests.sandbox import api, control, hosting, pages

SUBMISSION = r"submission/(?P<submission_id>\d+)"
FORM = r"form/(?P<form_id>\d+)"
# Enterprise hosts put `/API` before the path.
API = r"^(?:API/|api/)?"

urlpatterns = [
    path("", pages.front, name="front"),
    re_path(r"^(?P<form_id>\d{15,20})$", pages.form_page, name="form"),
    path("submit/<str:form_id>", pages.submit, name="submit"),
    path("thanks/<str:submission_id>", pages.thanks, name="thanks"),
    path("samples/<str:name>", pages.sample, name="sample"),
    path("submissions/", pages.submission_list, name="submissions"),
    path("submissions/<str:submission_id>", pages.submission_page, name="submission"),
    path("submissions/<str:submission_id>/files/<int:number>", hosting.shown, name="shown"),
    path("login/", hosting.login, name="login"),
    path(
        "uploads/<str:owner>/<str:form_id>/<str:submission_id>/<str:name>",
        hosting.upload,
        name="upload",
    ),
    path("signed/<str:token>", hosting.signed, name="signed"),
    re_path(
        rf"{API}{SUBMISSION}$",
        api.route("submission-id", GET=api.read_submission, POST=api.write_submission),
    ),
    re_path(rf"{API}{FORM}/questions$", api.route("form-id-questions", GET=api.read_questions)),
    re_path(
        rf"{API}{FORM}/webhooks$",
        api.route("form-id-webhooks", GET=api.list_webhooks, POST=api.add_webhook),
    ),
    re_path(
        rf"{API}{FORM}/webhooks/(?P<index>\d+)$",
        api.route("form-id-webhooks", DELETE=api.delete_webhook),
    ),
    re_path(
        rf"{API}{FORM}/submissions$",
        api.route("form-id-submissions", GET=api.list_submissions),
    ),
    path("_control/", control.route(GET=control.overview)),
    path("_control/switches", control.route(GET=control.read_switches, POST=control.set_switches)),
    path("_control/reset", control.route(POST=control.reset)),
    path("_control/requests", control.route(GET=control.list_requests)),
    path("_control/webhooks", control.route(GET=control.list_webhooks)),
    path("_control/forms", control.route(POST=control.create_form)),
    path("_control/submissions", control.route(POST=control.create_submission)),
    path(
        "_control/submissions/<str:submission_id>",
        control.route(GET=control.read_submission, POST=control.edit_submission),
    ),
    path(
        "_control/submissions/<str:submission_id>/delete",
        control.route(POST=control.delete_submission),
    ),
]
