#!/bin/sh
while read -r number rest; do echo "$number MAYBE"; echo; done
