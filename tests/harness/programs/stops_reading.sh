#!/bin/sh
# Closes its standard input, answers its first request and keeps running.
read -r number rest
exec <&-
echo "$number OK"
sleep 0.3
