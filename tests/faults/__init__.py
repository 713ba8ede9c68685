"""What happens to requests when processes die, are told to end, or run out of something: with real ones of each."""
