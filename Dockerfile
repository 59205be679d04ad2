# An image with certify in it: docker build --tag certify .
#
#   docker run --rm --group-add "$(stat -c %g /var/run/docker.sock)" \
#     -v /var/run/docker.sock:/var/run/docker.sock -v certify-reports:/reports certify debian:12
#
# BASE is any image with Python 3.11 or newer and its venv module. pip's variables choose an
# index; they are of the first stage only, and so not in the image. RELEASE_IMAGE is the name
# under which the image will be found, for schedules that `certify schedule` prints in it.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_NO_INDEX
ARG PIP_TRUSTED_HOST
ARG RELEASE_IMAGE
ARG RELEASE_REPOSITORY
WORKDIR /src
COPY . .
RUN python3 -m venv /opt/certify \
 && /opt/certify/bin/pip install --no-cache-dir --disable-pip-version-check \
      --constraint constraints.txt '.[postgresql]' \
 && /opt/certify/bin/pip uninstall --yes --quiet pip

FROM ${BASE}
COPY --from=build /opt/certify /opt/certify
# Any user may run it: its home, for the calibration of the host, is writable for all.
RUN ln -s /opt/certify/bin/certify /usr/local/bin/ \
 && install --directory --mode=1777 /home/certify \
 && install --directory --owner=10001 --group=10001 /reports
ENV HOME=/home/certify CERTIFY_REPORTS=/reports
USER 10001:10001
WORKDIR /home/certify
ENTRYPOINT ["certify"]
CMD ["--help"]
