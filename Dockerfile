# The image of the shop. Web server, worker and scheduler use it with different commands (compose.yaml).
# It runs without root on a read-only file system, and writes only to VAR_DIR (a volume) and /tmp.

# A demo site (STRIPE_SANDBOX=true) needs the offline Stripe sandbox in the image:
#   docker build --build-arg STRIPE_SANDBOX=true .

FROM python:3.13-slim-bookworm AS packages
COPY requirements.txt /tmp/
COPY requirements-optional.txt /tmp/
# Wheels only, so that the image needs no compiler.
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
# This key is only for this command. The container gets its own from the environment.
RUN SECRET_KEY=only-for-collecting-files ALLOWED_HOSTS=nobody.invalid VAR_DIR=/tmp/build python manage.py collectstatic --noinput
RUN python -m compileall -q apps config
USER 10001:10001
VOLUME ["/var/lib/shop"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "config.health"]
# Without a shell, Python gets SIGTERM: the server takes no new requests, and running ones have 30 seconds to finish.
CMD ["python", "-m", "config.server"]
