"""Routes of the reference radiographs."""

from django.urls import path

from implants import views

app_name = "implants"
urlpatterns = [
    path("files/references/<int:pk>", views.reference_image, name="reference-image"),
    path(
        "files/references/<int:pk>/thumbnail",
        views.reference_thumbnail,
        name="reference-thumbnail",
    ),
    path(
        "files/references/<int:pk>/implant",
        views.reference_implant,
        name="reference-implant",
    ),
    path(
        "files/implants/<int:pk>/references",
        views.implant_references,
        name="implant-references",
    ),
    path(
        "files/references/signed/<str:token>",
        views.signed_reference_image,
        name="signed-reference-image",
    ),
]
