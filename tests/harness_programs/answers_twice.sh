#!/bin/sh
while read -r number rest; do echo "$number OK"; echo "$number OK"; done
