#!/bin/sh
while read -r number rest; do
    echo "$number OK"
    [ "$number" = 1 ] && echo "$number OK"
done
exit 0
