#!/bin/sh
while read -r number rest; do echo "$number OK"; done
exit 3
