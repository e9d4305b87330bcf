"""Rules (YAML → frozen), predicates, risk, judge → Verdict. Pure: facts are loaded before judging."""
