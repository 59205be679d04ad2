#!/bin/sh
exec supervisord --configuration /opt/docker/etc/supervisor.conf
