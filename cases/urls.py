"""Routes of the patients' radiographs, and of the page that says what is kept of them."""

from django.urls import path

from cases import views

app_name = "cases"
urlpatterns = [
    path("files/cases/<str:token>", views.case_image, name="image"),
    path("files/cases/<str:token>/thumbnail", views.case_thumbnail, name="thumbnail"),
    path("files/cases/api/<str:token>", views.api_image, name="api-image"),
    path("privacidade", views.privacy, name="privacy"),
]
