#!/bin/sh
while read -r number rest; do echo "$number OK"; done
sleep 1000
