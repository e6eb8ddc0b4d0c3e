# The shop as an image: web server, worker and scheduler are the same image with another command (compose.yaml).
# It runs without root on a read-only file system; only VAR_DIR (a volume) and /tmp are written to.

# A demo site, which runs with STRIPE_SANDBOX=true, needs the offline Stripe sandbox in its image:
#   docker build --build-arg STRIPE_SANDBOX=true .

FROM python:3.13-slim-bookworm AS packages
COPY requirements.txt /tmp/
COPY requirements-optional.txt /tmp/
# Wheels only: nothing is compiled, so the image needs no compiler.
RUN python -m venv /venv
RUN /venv/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes --requirement /tmp/requirements.txt \
    --requirement /tmp/requirements-optional.txt
COPY apps/shop/requirements.txt /tmp/shop-requirements.txt
RUN /venv/bin/pip install --no-cache-dir --requirement /tmp/shop-requirements.txt
ARG STRIPE_SANDBOX=
COPY packages /tmp/packages
RUN if [ "$STRIPE_SANDBOX" = true ]; then /venv/bin/pip install --no-cache-dir --no-deps /tmp/packages/stripe-sandbox; fi

FROM python:3.13-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DEBUG=false \
    HOST=0.0.0.0 \
    PORT=8000 \
    VAR_DIR=/var/lib/shop \
    STATIC_ROOT=/srv/static
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin shop
RUN install --directory --mode 700 --owner shop --group shop /var/lib/shop
WORKDIR /srv/shop
COPY --from=packages /venv /venv
COPY manage.py ./
COPY config config
COPY locale locale
COPY static static
COPY templates templates
COPY apps apps
ARG STRIPE_SANDBOX=
# A key for this one command; the real one comes from the environment when the container starts.
RUN SECRET_KEY=only-for-collecting-files ALLOWED_HOSTS=nobody.invalid VAR_DIR=/tmp/build python manage.py collectstatic --noinput
RUN python -m compileall -q apps config
USER 10001:10001
VOLUME ["/var/lib/shop"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "config.health"]
# Python is process 1 itself, so it hears SIGTERM: no new requests, those under way end, for at most 30 seconds.
CMD ["python", "-m", "config.server"]
