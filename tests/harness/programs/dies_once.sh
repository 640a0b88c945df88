#!/bin/sh
# Dies with one request under way, or with as many as its argument. The next run in the same folder lives and repeats the
# requests in its replies.
if [ ! -e died ]; then
    : > died
    read -r number rest
    echo "$number INTF 7"
    read -r number rest
    echo "$number OK"
    for request in $(seq "${1:-1}"); do read -r number rest; done
    exit 1
fi
while read -r number command account rest; do echo "$number ERROR $command $account"; done
