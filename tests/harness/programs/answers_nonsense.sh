#!/bin/sh
read -r number rest
echo "$number MAYBE"
echo
while read -r number rest; do echo "$number OK"; done
