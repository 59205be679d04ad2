#!/bin/sh
# What further tiers prepare at each start, then supervisord or the command that was asked for.
for script in /opt/docker/provision/entrypoint.d/*.sh; do
    [ ! -r "$script" ] || . "$script"
done
[ "$1" != supervisord ] || exec /opt/docker/bin/service.d/supervisor.sh
exec "$@"
