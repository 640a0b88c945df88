#!/bin/sh
while read -r number rest; do echo "$number OK"; last=$number; done
echo "* information may come at any time"
echo "$last OK"
echo "77 OK"
echo goodbye
