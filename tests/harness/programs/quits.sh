#!/bin/sh
# Well-behaved: ends at QUIT, long before its standard input does.
while read -r number command; do
    echo "$number OK"
    [ "$command" = QUIT ] && exit 0
done
