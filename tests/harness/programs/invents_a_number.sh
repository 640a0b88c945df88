#!/bin/sh
while read -r number rest; do echo "9$number OK"; echo "$number OK"; done
