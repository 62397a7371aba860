"""Request traces -> a demand curve."""
