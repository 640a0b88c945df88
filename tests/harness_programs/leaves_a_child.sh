#!/bin/sh
sleep 1000 >/dev/null &
while read -r number rest; do echo "$number OK"; done
