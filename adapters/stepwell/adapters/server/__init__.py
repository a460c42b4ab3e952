"""The API of AWS Step Functions over HTTP.

What comes in is held against AWS's model of the service (`shapes`), against the names of this host (`hosts`) and, where
access keys are configured, against its signature (`sigv4`), before an operation sees it.
"""
