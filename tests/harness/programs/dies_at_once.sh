#!/bin/sh
read -r number rest
echo "no configuration" >&2
exit 1
