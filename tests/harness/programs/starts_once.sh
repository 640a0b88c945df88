#!/bin/sh
# Deletes itself and dies, so that it cannot be started again.
read -r number rest
rm "$0"
exit 1
