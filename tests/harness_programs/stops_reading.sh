#!/bin/sh
# Answers one request, then lets go of standard input and lives on until it is killed.
read -r number rest
echo "$number OK"
exec sleep 1000 <&-
