#!/bin/sh
echo "* $$"
sleep 1000 &
while read -r number rest; do echo "$number OK"; done
