#!/bin/sh
# Dies with a request under way, or as many as its argument says. The next one in the same folder lives, and says in its
# replies what it was asked.
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
