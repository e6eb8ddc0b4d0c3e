"""Steps of drill_fork.py that change what the guides don't show: replace whole templates, remove pages, add packages.

Each step gets the `Fork`, whose `append` writes to the end of a file in apps/shop/.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

from environment import ROOT

LANDING_URLS = """
from django.urls import path
from django.views.defaults import page_not_found
from django.views.generic import RedirectView

urlpatterns.insert(0, path("", RedirectView.as_view(pattern_name="store"), name="home"))
urlpatterns.insert(0, path("refunds/", page_not_found, {"exception": None}))
"""
FOOTER = """<footer class="site-footer">© Acme · <a href="{% url "terms" %}">Imprint</a></footer>
"""
PRODUCT = """{% extends "base.html" %}
{% load store %}
{% block title %}{{ configuration }}{% endblock %}
{% block main %}
<div class="container page">
  <h1>Buy {{ configuration.product.name }}</h1>
  {{ configuration.description|markdown }}
  {{ configuration.details.requirements|default:""|markdown }}
  {% include "ecommerce/_deal.html" %}
</div>
{% endblock %}
"""
EMPTY_PARTS = (
    *("web/_theme", "web/_questions", "web/_trust", "web/_how"),
    *("ecommerce/_store_filters", "ecommerce/_store_groups"),
)
MAIL_RECEIVERS = """
from django.core.mail import EmailMessage
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import Mail
from apps.ecommerce.purchases.emails.texts import TEXTS, EmailText
from apps.ecommerce.purchases.signals import payment_refunded

TEXTS[Mail.Kind.CONFIRMED] = EmailText(
    _("Enjoy %(product)s"), _("Enjoy it"), _("%(product)s is yours."), _("Open"), has_receipt=True
)


@receiver(payment_refunded)
def send_credit_note(purchase, payment, amount, **kwargs):
    message = EmailMessage("Credit note", "It is attached.", to=["books@acme.example"])
    message.attach("credit.pdf", b"%PDF-1.4", "application/pdf")
    message.send()
"""
MAIL_HTML = """<!doctype html><html><body><p>Dear customer,</p>{% block main %}<h1>{{ title }}</h1><p>{{ text }}</p>
{% if receipt %}{% include "ecommerce/mail/_receipt.html" %}{% endif %}
<a href="{{ order_url }}">{{ link }}</a>{% endblock %}<p>Acme Ltd</p></body></html>
"""
PROFILE_MODEL = """
from django.db import models

from apps.users.models import User


class Member(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE)
    company = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=[("shop", "Shop"), ("studio", "Studio")], default="shop")
    homepage = models.URLField(blank=True)
"""
PROFILE_FORM = """from django import forms

from apps.shop.models import Member
from apps.users.forms import SignupForm


class CompanySignupForm(SignupForm):
    company = forms.CharField()

    def save(self, request):
        user = super().save(request)
        Member.objects.create(user=user, company=self.cleaned_data["company"])
        return user
"""
PROFILE_ADMIN = """
from django.contrib import admin

from apps.shop.models import Member


@admin.register(Member)
class MemberAdmin(admin.ModelAdmin):
    list_display = ["user", "company", "kind"]
    search_fields = ["company"]
"""
PROFILE_SETTINGS = """
    settings["ACCOUNT_FORMS"]["signup"] = "apps.shop.forms.CompanySignupForm"
    settings["LOGIN_REDIRECT_URL"] = "home"
    settings["ACCOUNT_SESSION_REMEMBER"] = None
    settings["AUTH_PASSWORD_VALIDATORS"][1]["OPTIONS"] = {"min_length": 12}
"""
PACKAGES = """
    settings["INSTALLED_APPS"] += ["django.contrib.humanize", "django.contrib.sites", "django.contrib.flatpages"]
    settings["SITE_ID"] = 1
    settings["TEMPLATES"][0]["OPTIONS"]["context_processors"] += ["apps.shop.context_processors.motto"]
    settings["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]["script-src"] += ["https://plausible.io"]
    settings["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]["connect-src"] = ["'self'", "https://plausible.io"]
    settings["INDEXED_PAGES"].remove("terms")
    settings["SESSION_COOKIE_AGE"] = 3600
    settings["USE_THOUSAND_SEPARATOR"] = True
"""
COMMAND = """from django.core.management.base import BaseCommand

from apps.ecommerce.models import Purchase


class Command(BaseCommand):
    def handle(self, *args, **options):
        self.stdout.write(str(Purchase.objects.count()))
"""
TAGS = """from django import template

register = template.Library()


@register.simple_tag
def shout(text):
    return text.upper()
"""
OWN_TEST = """import pytest
from django.core import mail
from django.core.management import call_command
from django.template import Context, Template

from tests.factories import add_file, buy, pay, press_buy, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_refund_sends_a_credit_note(as_ada, icons, sandbox):
    add_file(icons, "icons.zip", b"zip")
    purchase = buy(as_ada, icons)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    (note,) = [message for message in mail.outbox if message.subject == "Credit note"]
    assert note.attachments


def test_declined_card_buys_nothing(bob, icons):
    client = signed_in(bob)
    pay(press_buy(client, icons), "4000 0000 0000 0002")
    assert not bob.purchases.filter(status="paid")


def test_command_and_tag(capsys):
    call_command("count_purchases")
    assert capsys.readouterr().out == "0\\n"
    assert Template("{% load shop_tags %}{% shout 'hi' %} {{ motto }}").render(Context()) == "HI "
"""


def landing(fork: Any) -> None:
    """Redirect the home page to the store, remove the page about refunds, and replace the footer that links to it."""
    fork.append("urls.py", LANDING_URLS)
    fork.append("templates/web/_footer.html", FOOTER)


def templates(fork: Any) -> None:
    """Replace the product page, and empty the parts that guides/switch-features-off.md names."""
    fork.write("templates/ecommerce/product.html", PRODUCT)
    for part in EMPTY_PARTS:
        fork.write(f"templates/{part}.html", "")
    header = (ROOT / "templates/web/_header.html").read_text()
    fork.write("templates/web/_header.html", header.replace('class="wordmark"', 'class="wordmark acme"'))


def mails(fork: Any) -> None:
    """Replace the confirmation and the layout of all e-mails, and send one with an attachment."""
    fork.append("receivers.py", MAIL_RECEIVERS)
    fork.write("templates/ecommerce/mail/mail.html", MAIL_HTML)


def profile(fork: Any) -> None:
    """Require the company at sign-up, and store it in a model of its own."""
    fork.append("models.py", PROFILE_MODEL)
    fork.append("forms.py", PROFILE_FORM)
    fork.append("admin.py", PROFILE_ADMIN)
    fork.append("settings.py", PROFILE_SETTINGS)
    fork.manage("makemigrations", "shop")


def packages(fork: Any) -> None:
    """Add Django's apps, a context processor, a command, a tag, a web analytics service, and tests."""
    fork.append("settings.py", PACKAGES)
    fork.append("context_processors.py", 'def motto(request):\n    return {"motto": "Made in Lisbon"}\n')
    fork.append("management/__init__.py", "")
    fork.append("management/commands/__init__.py", "")
    fork.append("management/commands/count_purchases.py", COMMAND)
    fork.append("templatetags/__init__.py", "")
    fork.append("templatetags/shop_tags.py", TAGS)
    fork.append(
        "templates/web/_head.html", '<script src="https://plausible.io/js/script.js" defer></script>\n'
    )
    fork.append("tests/test_acme.py", OWN_TEST)


def logo(fork: Any) -> None:
    """Replace logo and icons, and change the colors of dark mode."""
    brand = fork.folder / "apps/shop/static/brand"
    shutil.copytree(ROOT / "static/brand", brand, dirs_exist_ok=True)
    (brand / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>')
    (brand / "favicon.ico").write_bytes(b"an icon")
    css = fork.folder / "apps/shop/static/css/brand.css"
    text = (css if css.exists() else ROOT / "static/css/brand.css").read_text()
    css.write_text(re.sub(r"(--brand-night: )#\w+", r"\1#ffd166", text))


def arabic(fork: Any) -> None:
    """Add a language that is written from right to left, and one with a country, mostly without translations."""
    for code, text in (("ar", "مشترياتي"), ("pt_BR", "Minhas compras")):
        fork.append(f"locale/{code}/LC_MESSAGES/django.po", f'msgid "My purchases"\nmsgstr "{text}"\n')
    fork.messages()
    fork.check("manage.py", "check", LANGUAGES="en,ar,pt-br")


STEPS: dict[str, Callable[[Any], None]] = {
    step.__name__: step for step in (landing, templates, mails, profile, packages, logo, arabic)
}
