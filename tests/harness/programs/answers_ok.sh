#!/bin/sh
# Correct: answers OK to everything.
while read -r number rest; do echo "$number OK"; done
