"""Routes of the patients' radiographs."""

from django.urls import path

from cases import views

app_name = "cases"
urlpatterns = [
    path("files/cases/<int:pk>", views.case_image, name="image"),
    path("files/cases/<int:pk>/thumbnail", views.case_thumbnail, name="thumbnail"),
]
