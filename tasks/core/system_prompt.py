"""What every question is preceded by: short answers, no reasoning (the recipe of the paper)."""

SYSTEM_PROMPT = "Answer directly in the requested format, without any explanation."
