#!/bin/sh
while read -r number rest; do :; done
