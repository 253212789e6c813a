"""A module for each subject: commands read options, call the other packages, and print the result."""
