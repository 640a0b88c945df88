#!/bin/sh
# Lets go of its standard input, answers its first request and lives on.
read -r number rest
exec <&-
echo "$number OK"
sleep 0.3
