from django.urls import path

from . import views

urlpatterns = [
    path("", views.home, name="panel"),
    path("switches/", views.change_switches, name="switches"),
    path("start-over/", views.start_over, name="start_over"),
    path("objects/<str:kind>/", views.objects, name="objects"),
    path("object/<str:object_id>", views.detail, name="object"),
    path("object/<str:object_id>/act", views.act, name="act"),
    path("deliveries/", views.deliveries, name="deliveries"),
    path("resend/", views.resend, name="resend"),
    path("test-cards/", views.test_cards, name="cards"),
]
