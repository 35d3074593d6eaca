"""The parts of the theorem checks: drawing, judging, mutants, the plugin of pytest, reports and diagnoses."""
