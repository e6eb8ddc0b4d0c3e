import re
import unicodedata

from django.db import migrations, models

# A copy of search_columns.py at the time of this migration.
LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"})
BATCH_SIZE = 500


def normalize(text):
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(LETTERS)


def fill_words(apps, schema_editor):
    SearchWord = apps.get_model("ecommerce", "SearchWord")
    ProductConfiguration = apps.get_model("ecommerce", "ProductConfiguration")
    database = schema_editor.connection.alias
    rows = ProductConfiguration.objects.using(database).filter(listed=True)
    texts = rows.values_list("product__name", "tagline", "product__description", "description")
    words = {}
    for row in texts.iterator(chunk_size=BATCH_SIZE):
        for token in re.findall(r"[^\W_]+", " ".join(row)):
            word = normalize(token)
            if 3 <= len(word) <= 30:
                words.setdefault(word, token.lower()[:30])
    new = [SearchWord(word=word, shown=words[word]) for word in sorted(words)]
    SearchWord.objects.using(database).bulk_create(new, ignore_conflicts=True, batch_size=BATCH_SIZE)


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0029_guest_checkout")]
    operations = [
        migrations.CreateModel(
            name='SearchWord',
            fields=[
                ('word', models.CharField(help_text='Without case and accents: “schlussel”.', max_length=30, primary_key=True, serialize=False)),
                ('shown', models.CharField(help_text='As the page of a product spells it: “schlüssel”.', max_length=30)),
            ],
            options={
                'verbose_name': 'word of the catalogue',
                'verbose_name_plural': 'words of the catalogue',
            },
        ),
        migrations.RunPython(fill_words, migrations.RunPython.noop, elidable=True),
    ]
