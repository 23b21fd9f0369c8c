"""Links to patients' films: `{{ image|film_url }}`."""

from django import template

from cases import links

register = template.Library()
register.filter("film_url", links.film_url)
register.filter("thumbnail_url", links.thumbnail_url)
