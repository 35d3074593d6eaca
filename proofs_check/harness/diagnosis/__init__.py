"""The diagnosis of a claim that fails: broken links, trained against predicted numbers, wrong thresholds, and missing factors."""
