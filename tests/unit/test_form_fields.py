import pytest
from django import forms
from django.template import Context, Template
from django.template.loader import render_to_string


class SurveyForm(forms.Form):
    topic = forms.ChoiceField(choices=[("a", "Icons"), ("b", "Fonts")], widget=forms.RadioSelect)
    text = forms.CharField(widget=forms.Textarea)


def render(field: str) -> str:
    return Template(f"{{% load site %}}{{% field form.{field} %}}").render(Context({"form": SurveyForm()}))


def test_group_of_radio_buttons_is_a_fieldset_with_a_legend() -> None:
    html = render("topic")
    assert '<legend class="field__label">Topic</legend>' in html
    assert 'for=""' not in html
    assert html.count("<fieldset") == html.count("</fieldset>") == 1


def test_single_control_has_a_label() -> None:
    html = render("text")
    assert '<label class="field__label" for="id_text">Text</label>' in html
    assert "fieldset" not in html


@pytest.mark.parametrize(("provider", "icons"), [("google", 1), ("gitlab", 0)])
def test_button_of_a_provider_has_an_icon_only_if_there_is_one(provider: str, icons: int) -> None:
    attributes = {"provider_id": provider, "name": provider, "href": "/"}
    assert render_to_string("allauth/elements/provider.html", {"attrs": attributes}).count("<svg") == icons
