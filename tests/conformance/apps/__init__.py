"""One application, written for each server: it reads the whole request, and answers as :mod:`..echo` says."""
