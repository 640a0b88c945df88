#!/bin/sh
# Correct: ends at QUIT, long before the end of its standard input.
while read -r number command; do
    echo "$number OK"
    [ "$command" = QUIT ] && exit 0
done
