"""What the theorem checks are made of: drawing, judging, mutants, the plugin of pytest, reports and diagnoses."""
