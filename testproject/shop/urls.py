"""The shop: a checkout, its payment, and the payment's state for the page's script."""

from django.urls import path

from testproject.shop import views

app_name = "shop"
urlpatterns = [
    path("", views.checkout, name="checkout"),
    path("payment/", views.payment, name="payment"),
    path("payment/state", views.state, name="state"),
]
