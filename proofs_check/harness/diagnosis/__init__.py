"""What is wrong with a claim that fails: the first link, trained against predicted, a wrong threshold, and by what factor."""
