#!/bin/sh
# Dies with a request under way. The next one in the same folder lives, and says in its replies what it was asked.
if [ ! -e died ]; then
    : > died
    read -r number rest
    echo "$number INTF 7"
    read -r number rest
    echo "$number OK"
    read -r number rest
    exit 1
fi
while read -r number command account rest; do echo "$number ERROR $command $account"; done
